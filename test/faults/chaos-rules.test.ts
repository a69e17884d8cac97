import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Findings } from '../fixtures/chaos/checker.js'
import { ONCE } from '../fixtures/chaos/tools.js'
import { inspect, inWorkspace, startCaller } from './chaos.js'
import { type Evidence, readEffects, violations } from './chaos-rules.js'

let good: Evidence

beforeAll(async () => {
  await inWorkspace(async (root) => {
    const limit = 1_000
    const caller = startCaller({ root, limit, count: 12 })
    expect(await caller.ended).toEqual({ code: 0, errors: '' })
    const { found, said } = await inspect({ root, limit, resume: true })
    const effects = readEffects(join(root, 'effects.log'))
    good = { found, said: [...caller.said, ...said], effects, limit, resumed: true }
  })
})

/** The same findings but for one of them. */
function but(found: Partial<Findings>): Evidence {
  return { ...good, found: { ...good.found, ...found } }
}

const torn = { ok: false, kind: 'torn', message: 'x' }
const tampered = { ok: false, kind: 'tampered', message: 'x' }
const effectOf = (status: string) => {
  const call = good.found.log.find(({ record }) => record['status'] === status)?.record['call_id']
  return good.effects.find((line) => line.startsWith(String(call))) ?? ''
}
/** The log may go on behind it, with records of its own that nobody was told of. */
const lastAcknowledged = () => Math.max(...good.said.map((line) => Number(/^ack (\d+) /.exec(line)?.[1] ?? 0)))
const without = (line: string) => good.effects.filter((one) => one !== line)
/** Changes one record of the log where it stands. */
const edited = (change: (record: Findings['log'][number]['record']) => object | undefined) => {
  let done = false
  const log = good.found.log.map((entry) => {
    const changes = done ? undefined : change(entry.record)
    if (changes) done = true
    return changes ? { ...entry, record: { ...entry.record, ...changes } } : entry
  })
  expect(done).toBe(true)
  return but({ log })
}

describe('the rules of the chaos tests', () => {
  it('hold for a workspace where nothing went wrong, and every kind of thing happened', () => {
    expect(violations(good)).toEqual([])
    for (const word of ['ack', 'done', 'failed', 'pending', 'decided', 'run']) {
      expect(
        good.said.some((line) => line.startsWith(`${word} `)),
        word,
      ).toBe(true)
    }
  })

  const broken: readonly (readonly [string, () => Evidence, RegExp])[] = [
    ['a log that was changed', () => but({ verifiedBefore: tampered }), /before recovery the log was tampered/],
    ['a log that recovery left torn', () => but({ verifiedAfter: torn }), /after recovery the log is torn/],
    ['a torn end without a record of it', () => but({ verifiedBefore: torn }), /a torn end was not recorded/],
    [
      'a receipt whose record is gone',
      () => but({ log: good.found.log.slice(0, lastAcknowledged() - 1) }),
      /was acknowledged and is lost/,
    ],
    ['a receipt whose record is another', () => ({ ...good, said: ['ack 1 0000'] }), /record 1 was acknowledged/],
    ['an answer that is not recorded', () => ({ ...good, said: ['done nobody -'] }), /recorded as undefined/],
    ['a decision that is not stored', () => ({ ...good, said: ['decided ap_x'] }), /the decision on ap_x/],
    ['a run that is not stored', () => ({ ...good, said: ['run x'] }), /run x was acknowledged and is lost/],
    [
      'an effect without an intent',
      () => ({ ...good, effects: [...good.effects, 'x y z'] }),
      /x ran without an intent/,
    ],
    ['an effect that came twice', () => ({ ...good, effects: [...good.effects, effectOf('done')] }), /ran 2 times/],
    [
      'a step that came twice in two calls',
      () => ({ ...good, effects: [...good.effects, `a ${ONCE} s`, `b ${ONCE} s`] }),
      /the step s must not be repeated/,
    ],
    ['a call that is done without an effect', () => ({ ...good, effects: without(effectOf('done')) }), /left nothing/],
    [
      'an effect of a call that was told to be denied',
      () => ({ ...good, said: [`denied-unrecorded ${effectOf('done').split(' ')[0]} -`] }),
      /was answered with denied and ran/,
    ],
    [
      'an effect of a call that is recorded as without',
      () => edited((record) => (record['status'] === 'done' ? { status: 'failed', effect: 'none' } : undefined)),
      /is recorded as without effect/,
    ],
    [
      'a call without an end',
      () => but({ log: good.found.log.filter(({ record }) => record['status'] !== 'done') }),
      /has an intent and no end/,
    ],
    [
      'a call with two ends',
      () => but({ log: [...good.found.log, ...good.found.log.filter(({ record }) => record['intent'])] }),
      /has 2 ends/,
    ],
    [
      'an approval that two calls used',
      () => {
        const first = good.found.log.find(({ record }) => record['approval'] && record['type'] === 'tool.intent')
        const approval = first?.record['approval']
        return edited(({ type, approval: own }) => (type === 'tool.intent' && !own ? { approval } : undefined))
      },
      /was used twice/,
    ],
    ['a budget one millionth off', () => but({ used: good.found.used + 1 }), /the budget counts/],
    ['a budget that was overspent', () => ({ ...good, limit: 1 }), /the budget was 1 calls/],
    ['a take that nobody settled', () => but({ unsettled: ['x'] }), /call x has ended and is left taken/],
    ['a run that stands still', () => but({ runs: { ...good.found.runs, x: 'waiting' } }), /run x is waiting/],
    ['a run that failed for another reason', () => but({ runs: { x: 'failed NO_ALLOW' } }), /run x is failed/],
    [
      'a call of a living process that was ended',
      () => {
        const done = good.found.log.find(({ record }) => record['status'] === 'done')?.record
        return { ...good, living: { instance: String(done?.['instance']), call: String(done?.['call_id']) } }
      },
      /of a living process was ended by somebody else/,
    ],
    ['an instance that nobody recovered', () => but({ instances: ['x'] }), /instance x is gone and was not recovered/],
    [
      'a living instance that was forgotten',
      () => ({ ...good, living: { instance: 'x', call: 'x' } }),
      /instance x lives and was forgotten/,
    ],
    [
      'a take of a living process that was settled',
      () => ({ ...good, living: { instance: 'x', call: 'x' } }),
      /what a living process has taken was settled/,
    ],
  ]
  it.each(broken)('are broken by %s', (_, evidence, complaint) => {
    expect(violations(evidence())).toContainEqual(expect.stringMatching(complaint))
  })
})
