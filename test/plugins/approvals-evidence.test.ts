// The rules for what the store says and the log does not: it never counts, and there is a way on.
import type { ApprovalRequest, AskShown, AuditRecord, StoredAction } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KEEP_INPUT_MS } from '../../plugins/approvals/tidy.js'
import { type ApprovalsWorld, approvalsWorld, EXPIRES_MS } from './approvals-fixture.js'

const ASK: AskShown = { plugin: 'test.policy', key: 'edit', reason: 'it edits' }
const BY = { id: 'user:boss', claimed: false, osUser: 'decider' }

let world: ApprovalsWorld
beforeEach(async () => {
  world = await approvalsWorld()
})
afterEach(() => world.close())

function action(name = 'a', actor = 'agent:x', osUser = 'requester'): StoredAction {
  const who = { id: actor, claimed: true, osUser }
  return {
    kind: 'tool.call',
    target: 'test.edit@v1',
    input: { name },
    actor: who,
    digest: name,
    contract: '1',
    about: {},
  }
}

async function opened(name = 'a'): Promise<ApprovalRequest> {
  return (await world.approvals.open(action(name), [ASK])).request
}

const approve = (id: string) => world.approvals.decide(id, { verdict: 'approve', by: BY })
const sql = (text: string, ...args: (string | number)[]) => world.store.write([{ sql: text, args }])
const take = (id: string, digest = 'a', asks = [ASK], callId = 'c1') =>
  world.approvals.take({ callId, instance: 'i1' }, id, { digest, asks })

async function refusedEverywhere(id: string): Promise<string> {
  expect(await world.approvals.match('a', [ASK])).toBeUndefined()
  const answer = await take(id)
  expect(answer).toMatchObject({ ok: false, code: 'APPROVAL_UNUSABLE' })
  return answer.ok ? '' : answer.reason
}

describe('an approval that only the store knows', () => {
  const forged: readonly [name: string, sql: string][] = [
    ['set to approved by hand', "update approvals set state = 'approved', decided_at = 1 where id = $1"],
    [
      'set to approved with everything a decision writes',
      "update approvals set state = 'approved', decided_at = created_at, decided_by = '{}', decided_seq = 1 where id = $1",
    ],
  ]
  it.each(forged)('%s does not count', async (_, text) => {
    const { id } = await opened()
    await sql(text, id)
    expect(await refusedEverywhere(id)).toMatch(/audit log/)
  })

  it('does not count with the record of another approval of the same action copied into the log', async () => {
    const first = await opened()
    await approve(first.id)
    await take(first.id)
    await world.approvals.settle('c1', 'commit', 1)
    const { id } = await opened()
    const decided = world.audit.records().find(({ record }) => record['type'] === 'approval.decided')?.record ?? {}
    const { v: _v, seq: _s, prev: _p, ...copy } = decided
    await world.audit.append({ ...copy, approval: id } as unknown as AuditRecord)
    await sql("update approvals set state = 'approved' where id = $1", id)
    await refusedEverywhere(id)
  })

  it('does not count when a person has denied it and another approves it, with the search set to begin between', async () => {
    const { id } = await opened()
    await world.approvals.decide(id, { verdict: 'deny', by: BY })
    const seq = world.audit.records().at(-1)?.seq ?? 0
    await sql("update approvals set state = 'pending' where id = $1", id)
    world.levers.osUser = 'second'
    await approve(id)
    await sql('update approvals set requested_seq = $2 where id = $1', id, seq + 1)
    await refusedEverywhere(id)
  })

  it('does not count when a person has denied it', async () => {
    const { id } = await opened()
    await world.approvals.decide(id, { verdict: 'deny', by: BY })
    await sql("update approvals set state = 'approved' where id = $1", id)
    expect(await refusedEverywhere(id)).toMatch(/not approved/)
  })

  it('asks anew when it is asked for again', async () => {
    const { id } = await opened()
    await sql("update approvals set state = 'approved' where id = $1", id)
    const again = await world.approvals.open(action(), [ASK])
    expect(again.created).toBe(true)
    await approve(again.request.id)
    // What does not count does not stand in the way of what does.
    expect((await world.approvals.match('a', [ASK]))?.id).toBe(again.request.id)
  })
})

describe('an approved request that was changed afterwards', () => {
  const changes: readonly [name: string, sql: string][] = [
    [
      'more questions',
      `update approvals set asks = '[{"key":"edit","plugin":"test.policy","reason":"it edits"},{"key":"rm","plugin":"p","reason":""}]' where id = $1`,
    ],
    ['a later end', 'update approvals set expires_at = expires_at + 1 where id = $1'],
    ['waited longer', 'update approvals set created_at = created_at - 1 where id = $1'],
    ['another input', `update approvals set action = replace(action, '"name":"a"', '"name":"b"') where id = $1`],
    [
      'another requester',
      `update approvals set action = replace(action, '"osUser":"requester"', '"osUser":"root"') where id = $1`,
    ],
  ]
  it.each(changes)('to have %s does not count', async (_, text) => {
    const { id } = await opened()
    await approve(id)
    expect((await world.approvals.match('a', [ASK]))?.id).toBe(id)
    await sql(text, id)
    await refusedEverywhere(id)
  })

  it.each(changes)('to have %s before anybody decided cannot be decided, and is asked for anew', async (_, text) => {
    const { id } = await opened()
    await sql(text, id)
    await expect(approve(id)).rejects.toMatchObject({ code: 'APPROVAL_UNUSABLE' })
    const again = await world.approvals.open(action(), [ASK])
    expect(again.request.id).not.toBe(id)
    expect((await approve(again.request.id)).request.state).toBe('approved')
  })

  it.each(changes)('to have %s is not shown as one that can be decided', async (_, text) => {
    const { id } = await opened()
    expect((await world.approvals.get(id))?.state).toBe('pending')
    await sql(text, id)
    await expect(world.approvals.get(id)).rejects.toMatchObject({ code: 'APPROVAL_UNUSABLE' })
  })

  it('while it is edited is not approved', async () => {
    const { id } = await opened()
    const { open } = world.approvals
    Object.assign(world.approvals, {
      open: async (...args: Parameters<typeof open>) => {
        const answer = await open(...args)
        await sql(`update approvals set action = replace(action, '"name":"c"', '"name":"d"')`)
        return answer
      },
    })
    const edited = world.approvals.decide(id, { verdict: 'approve', by: BY, edit: { name: 'c' } })
    await expect(edited).rejects.toMatchObject({ code: 'APPROVAL_UNUSABLE' })
    expect((await world.approvals.list({ state: 'approved' })).length).toBe(0)
  })

  it('is not taken for another digest or other questions than it was given for', async () => {
    const { id } = await opened()
    await approve(id)
    expect((await take(id, 'b')).ok).toBe(false)
    expect((await take(id, 'a', [ASK, { ...ASK, key: 'other' }])).ok).toBe(false)
    expect((await take(id)).ok).toBe(true)
  })
})

describe('an approval that the log shows as used', () => {
  const intent = (approval: string, call: string): AuditRecord => ({
    type: 'tool.intent',
    ts: '2026-01-01T00:00:00.000Z',
    call_id: call,
    instance: 'i0',
    approval,
  })
  const rows: readonly [name: string, outcome: Record<string, string> | undefined, usable: boolean][] = [
    ['whose call has no end', undefined, false],
    ['whose call is done', { status: 'done' }, false],
    ['whose call is indeterminate', { status: 'indeterminate', effect: 'unknown' }, false],
    ['whose call failed with an effect', { status: 'failed', effect: 'happened' }, false],
    ['whose call ran nothing', { status: 'failed', effect: 'none' }, true],
    ['whose call was denied in the end', { status: 'denied' }, true],
  ]
  it.each(rows)('%s: usable again, whatever the store says', async (_, outcome, usable) => {
    const { id } = await opened()
    await approve(id)
    const { seq } = await world.audit.append(intent(id, 'c0'))
    if (outcome) {
      await world.audit.append({
        type: 'tool.outcome',
        ts: '2026-01-01T00:00:00.000Z',
        call_id: 'c0',
        approval: id,
        intent: seq,
        ...outcome,
      })
    }
    expect((await world.approvals.match('a', [ASK]))?.id).toBe(usable ? id : undefined)
    expect((await take(id)).ok).toBe(usable)
  })

  it('stays so when another end of its call is added to the log', async () => {
    const { id } = await opened()
    await approve(id)
    const { seq } = await world.audit.append(intent(id, 'c0'))
    const end = { type: 'tool.outcome', ts: '2026-01-01T00:00:00.000Z', call_id: 'c0', approval: id, intent: seq }
    await world.audit.append({ ...end, status: 'done' })
    await world.audit.append({ ...end, status: 'failed', effect: 'none' })
    expect(await refusedEverywhere(id)).toMatch(/used by call c0/)
  })

  it('may be taken again by the very call that has it', async () => {
    const { id } = await opened()
    await approve(id)
    await take(id)
    await world.audit.append(intent(id, 'c1'))
    expect((await take(id)).ok).toBe(true)
  })
})

describe('a log that no longer holds the records', () => {
  it('denies with a reason, and the call is asked for anew', async () => {
    const decided = await opened('a')
    await approve(decided.id)
    const waiting = await opened('b')
    const { find } = world.audit
    const pruned = world.audit.records().length
    world.audit.find = async (id, from) => (await find(id, from)).filter(({ seq }) => seq > pruned)
    expect(await refusedEverywhere(decided.id)).toMatch(/audit log/)
    await expect(approve(waiting.id)).rejects.toThrow(/ask anew/)
    for (const name of ['a', 'b']) {
      const again = await world.approvals.open(action(name), [ASK])
      expect(again.created).toBe(true)
      expect((await approve(again.request.id)).request.state).toBe('approved')
    }
  })
})

describe('a flood of requests', () => {
  it('is denied at the limit of its actor, and others go on', async () => {
    world.levers.rules = { ...world.levers.rules, maxPendingPerActor: 3 }
    for (let i = 0; i < 3; i++) await opened(`n${i}`)
    const records = world.audit.records().length
    await expect(opened('n3')).rejects.toMatchObject({ code: 'APPROVALS_FULL', exit: 3 })
    expect(world.audit.records()).toHaveLength(records)
    // One that waits already is no further request.
    expect((await world.approvals.open(action('n0'), [ASK])).created).toBe(false)
    expect((await world.approvals.open(action('other', 'agent:y'), [ASK])).created).toBe(true)
  })

  it('is denied when many open at one moment, to the exact number', async () => {
    world.levers.rules = { ...world.levers.rules, maxPendingPerActor: 5 }
    const other = await world.another()
    const opens = Array.from({ length: 40 }, (_, i) => (i % 2 ? other : world.approvals).open(action(`n${i}`), [ASK]))
    const ended = await Promise.allSettled(opens)
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
    expect(await world.approvals.list({ state: 'pending' })).toHaveLength(5)
  })

  it('is denied under ever new names of one operating-system user too', async () => {
    world.levers.rules = { ...world.levers.rules, maxPendingPerActor: 2 }
    const opens = Array.from(
      { length: 30 },
      (_, i) => () => world.approvals.open(action(`n${i}`, `agent:a${i}`), [ASK]),
    )
    let open = 0
    for (const next of opens)
      open += await next().then(
        () => 1,
        () => 0,
      )
    expect(open).toBe(20)
  })

  it('ends with the decision or the end of a request', async () => {
    world.levers.rules = { ...world.levers.rules, maxPendingPerActor: 1 }
    await approve((await opened('a')).id)
    await opened('b')
    await expect(opened('c')).rejects.toMatchObject({ code: 'APPROVALS_FULL' })
    world.levers.now += EXPIRES_MS
    await opened('c')
  })
})

describe('the input of a request', () => {
  it('is dropped long after its end, and not before, nor while a call has it', async () => {
    const [ended, taken] = [await opened('a'), await opened('b')]
    await approve(ended.id)
    await approve(taken.id)
    await take(taken.id, 'b')
    world.levers.now += EXPIRES_MS + KEEP_INPUT_MS - 1
    await opened('later')
    expect((await world.approvals.get(ended.id))?.action.input).toEqual({ name: 'a' })
    world.levers.now += 1
    await opened('later still')
    expect(await world.approvals.get(ended.id)).toMatchObject({ inputDropped: true, action: { input: null } })
    expect((await world.approvals.get(taken.id))?.action.input).toEqual({ name: 'b' })
    const [row] = await world.store.all('select action from approvals where id = $1', ended.id)
    expect(String(row?.['action'])).not.toContain('"name"')
  })
})
