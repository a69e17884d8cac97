import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inspect, inWorkspace, startCaller } from '../faults/chaos.js'
import { holding } from '../faults/chaos-rounds.js'
import { readEffects, violations } from '../faults/chaos-rules.js'
import { BROKEN } from '../fixtures/chaos/broken.js'
import type { CallerOptions } from '../fixtures/chaos/options.js'

const LIMIT = 1_000

/** What the checker complains of after callers like this one: killed where they stand still, or ended well. */
async function complaints(caller: Partial<CallerOptions>, checkedBy?: string): Promise<readonly string[]> {
  let found: readonly string[] = []
  await inWorkspace(async (root) => {
    const one = startCaller({ root, limit: LIMIT, ...caller })
    if (caller.pause) {
      await one.heard(`at ${caller.pause.at}`)
      await one.kill()
    } else expect((await one.ended).errors).toBe('')
    found = await look(root, one.said, checkedBy)
  })
  return found
}

async function look(
  root: string,
  said: readonly string[],
  broken?: string,
  living?: { instance: string; call: string },
) {
  const checked = await inspect({ root, limit: LIMIT, ...(broken ? { broken } : {}) })
  const evidence = { found: checked.found, said, effects: readEffects(join(root, 'effects.log')), limit: LIMIT }
  return violations(living ? { ...evidence, living } : evidence)
}

const intended = { at: 'intended', nth: 2 } as const
const cases: Readonly<Record<string, readonly [() => Promise<readonly string[]>, RegExp]>> = {
  'a log that answers before it writes': [
    () =>
      complaints({
        mode: 'add',
        pause: { at: 'effected', nth: 1 },
        broken: 'a log that answers before it writes',
      }),
    /ran without an intent/,
  ],
  'a log that loses an outcome': [
    () => complaints({ mode: 'add', count: 3, broken: 'a log that loses an outcome' }),
    /has an intent and no end/,
  ],
  'a log that writes an outcome twice': [
    () => complaints({ mode: 'add', count: 3, broken: 'a log that writes an outcome twice' }),
    /has 2 ends/,
  ],
  'approvals that can be used twice': [
    () => complaints({ count: 12, broken: 'approvals that can be used twice' }),
    /was used twice/,
  ],
  'approvals that forget a decision': [
    () => complaints({ count: 12, broken: 'approvals that forget a decision' }),
    /the decision on .* is lost/,
  ],
  'budgets that do not settle': [
    () => complaints({ mode: 'add', count: 3, broken: 'budgets that do not settle' }),
    /is left taken/,
  ],
  'budgets that do not give back': [
    () => complaints({ count: 12, broken: 'budgets that do not give back' }),
    /the budget counts/,
  ],
  'budgets that count nothing': [
    () => complaints({ mode: 'add', count: 4, limit: 2, broken: 'budgets that count nothing' }),
    /the budget counts 0/,
  ],
  'a recovery that finds nobody dead': [
    () => complaints({ mode: 'add', pause: intended }, 'a recovery that finds nobody dead'),
    /is left taken/,
  ],
  'a recovery that takes the living for dead': [livingTakenForDead, /of a living process was ended by somebody else/],
}

async function livingTakenForDead(): Promise<readonly string[]> {
  let found: readonly string[] = []
  await inWorkspace(async (root) => {
    const alive = startCaller({ root, limit: LIMIT, mode: 'hold' })
    try {
      const living = await holding(alive)
      found = await look(root, alive.said, 'a recovery that takes the living for dead', living)
    } finally {
      await alive.end()
    }
  })
  return found
}

describe('the checker of the chaos tests', () => {
  it('has a case for everything that can be broken', () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(BROKEN).sort())
  })

  it('complains of nothing when nothing is broken', async () => {
    expect(await complaints({ mode: 'add', count: 3 })).toEqual([])
    expect(await complaints({ mode: 'add', pause: intended })).toEqual([])
  })

  it.each(Object.entries(cases))('notices %s', async (_, [run, complaint]) => {
    expect(await run()).toContainEqual(expect.stringMatching(complaint))
  })

  it('notices one changed byte of the log', async () => {
    await inWorkspace(async (root) => {
      const caller = startCaller({ root, limit: LIMIT, mode: 'add', count: 3 })
      await caller.ended
      const log = join(root, '.cloned', 'audit.log')
      writeFileSync(log, readFileSync(log, 'utf8').replace('agent:chaos', 'agent:chaot'))
      expect(await look(root, caller.said)).toContainEqual(
        expect.stringMatching(/before recovery the log was tampered/),
      )
    })
  })
})
