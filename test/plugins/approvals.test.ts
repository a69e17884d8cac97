import type { ApprovalRequest, AskShown, StoredAction } from 'cloned/kernel'
import { ClonedError } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asksKey, covers } from '../../plugins/approvals/asks.js'
import { type ApprovalsWorld, approvalsWorld, EXPIRES_MS } from './approvals-fixture.js'

const ASK: AskShown = { plugin: 'test.policy', key: 'edit', reason: 'it edits' }
const BY = { id: 'user:boss', claimed: true, osUser: 'claimed-to-be-somebody-else' }
const REF = { callId: 'c1', instance: 'i1' }
const USE = { digest: 'a', asks: [ASK] }

let world: ApprovalsWorld
beforeEach(async () => {
  world = await approvalsWorld()
})
afterEach(() => world.close())

function action(name = 'a', osUser = 'requester'): StoredAction {
  const actor = { id: 'agent:x', claimed: true, osUser }
  return { kind: 'tool.call', target: 'test.edit@v1', input: { name }, actor, digest: name, contract: '1', about: {} }
}

async function opened(osUser?: string): Promise<ApprovalRequest> {
  return (await world.approvals.open(action('a', osUser), [ASK])).request
}

describe('who may decide', () => {
  const rows: readonly [name: string, selfDecision: boolean, requester: string, decider: string, may: boolean][] = [
    ['the requester itself, where the policy lets it', true, 'ann', 'ann', true],
    ['anybody else, where the policy lets the requester decide', true, 'ann', 'bob', true],
    ['the requester itself, where another must decide', false, 'ann', 'ann', false],
    ['another operating-system user', false, 'ann', 'bob', true],
    ['a process whose user is unknown', false, 'ann', '', false],
    ['anybody, when the requester is unknown', false, '', 'bob', false],
  ]
  it.each(rows)('%s (self decision %s)', async (_, selfDecision, requester, decider, may) => {
    const { approvals, levers, audit } = world
    levers.osUser = decider
    levers.rules = { ...levers.rules, selfDecision }
    const { id } = await opened(requester)
    for (const verdict of ['deny', 'approve'] as const) {
      if (may && verdict === 'deny') continue
      const decision = approvals.decide(id, { verdict, by: BY }).then(
        () => 'decided',
        (error: ClonedError) => error.code,
      )
      expect(await decision).toBe(may ? 'decided' : 'APPROVER_REFUSED')
    }
    expect((await approvals.get(id))?.state).toBe(may ? 'approved' : 'pending')
    expect(audit.records().filter(({ record }) => record['type'] === 'approval.decided')).toHaveLength(may ? 1 : 0)
  })

  it('keeps the user of the deciding process, whatever the decision claims', async () => {
    const { id } = await opened()
    const { request } = await world.approvals.decide(id, { verdict: 'approve', by: BY })
    expect(request.decidedBy).toEqual({ id: 'user:boss', claimed: true, osUser: 'decider' })
  })

  it('decides nothing while the policy cannot be read', async () => {
    const { id } = await opened()
    world.levers.policyFails = new ClonedError('FILE_INVALID', { path: 'p', line: ':1', problem: 'broken' })
    const decision = world.approvals.decide(id, { verdict: 'approve', by: BY })
    await expect(decision).rejects.toMatchObject({ code: 'FILE_INVALID' })
    await expect(world.approvals.open(action('b'), [ASK])).rejects.toMatchObject({ code: 'FILE_INVALID' })
    expect((await world.approvals.get(id))?.state).toBe('pending')
  })
})

describe('the record of a decision', () => {
  it('is in the log before the decision can be seen', async () => {
    const { approvals, audit } = world
    const { id } = await opened()
    const seen: (string | undefined)[] = []
    const append = audit.append
    audit.append = async (record) => {
      const receipt = await append(record)
      seen.push((await approvals.get(id))?.state)
      return receipt
    }
    await approvals.decide(id, { verdict: 'approve', by: BY, reason: 'fine' })
    expect(seen).toEqual(['pending'])
    expect(audit.records()[1]?.record).toMatchObject({
      type: 'approval.decided',
      ts: new Date(world.levers.now).toISOString(),
      approval: id,
      verdict: 'approve',
      by: { id: 'user:boss', claimed: true, os_user: 'decider' },
      requester: { id: 'agent:x', claimed: true, os_user: 'requester' },
      digest: world.audit.token('digest', '"a"'),
      asks: [{ plugin: 'test.policy', key: 'edit' }],
      reason: 'fine',
    })
  })

  it('is required: without it there is no decision, and nobody hears of one', async () => {
    const { id } = await opened()
    world.audit.fail(new Error('disk full'))
    await expect(world.approvals.decide(id, { verdict: 'approve', by: BY })).rejects.toThrow('disk full')
    expect((await world.approvals.get(id))?.state).toBe('pending')
    expect(world.decided).toEqual([])
  })

  it('is voided in the log when another process decided first', async () => {
    const { approvals, audit, another } = world
    const other = await another()
    const { id } = await opened()
    const decisions = [approvals, other, approvals, other].map((each, i) =>
      each.decide(id, { verdict: i % 2 === 0 ? 'approve' : 'deny', by: BY }),
    )
    const ended = await Promise.allSettled(decisions)
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(world.decided).toHaveLength(1)
    const records = audit.records().map(({ seq, record }) => ({ seq, ...record }) as Record<string, unknown>)
    const voided = records
      .filter(({ type }) => type === 'approval.decision_void')
      .map((record) => record['decided_seq'])
    expect(voided.length).toBeGreaterThan(0)
    const valid = records.filter(({ type, seq }) => type === 'approval.decided' && !voided.includes(seq))
    const state = world.decided[0]?.state === 'approved' ? 'approve' : 'deny'
    expect(valid.map(({ verdict }) => verdict)).toEqual([state])
  })
})

describe('what follows a decision', () => {
  const rows: readonly [kind: string, verdict: 'approve' | 'deny', runs: boolean][] = [
    ['policy.write', 'approve', true],
    ['policy.write', 'deny', false],
    ['tool.call', 'approve', false],
  ]
  it.each(rows)('%s after %s: runs in the deciding process: %s', async (kind, verdict, runs) => {
    world.levers.executes = ['policy.write']
    const { request } = await world.approvals.open({ ...action(), kind }, [ASK])
    const { outcome } = await world.approvals.decide(request.id, { verdict, by: BY })
    expect(world.resumed).toEqual(runs ? [request.id] : [])
    expect(outcome?.status).toBe(runs ? 'done' : undefined)
    expect(world.decided.map(({ id }) => id)).toEqual([request.id])
  })
})

describe('several processes', () => {
  it('open one request and use it once', async () => {
    const both = [world.approvals, await world.another()]
    const each = <T>(work: (approvals: (typeof both)[number], i: number) => Promise<T>) =>
      Promise.all(Array.from({ length: 50 }, (_, i) => work(both[i % 2] ?? world.approvals, i)))
    const requests = await each((approvals) => approvals.open(action(), [ASK]))
    expect(new Set(requests.map(({ request }) => request.id)).size).toBe(1)
    const id = requests[0]?.request.id ?? ''
    await world.approvals.decide(id, { verdict: 'approve', by: BY })
    const takes = await each((approvals, i) => approvals.take({ callId: `c${i}`, instance: 'i1' }, id, USE))
    expect(takes.filter(({ ok }) => ok)).toHaveLength(1)
  })
})

describe('ids and refusals', () => {
  it('makes ids that can be typed and not be guessed', async () => {
    const ids = new Set<string>()
    for (let i = 0; i < 20; i++) ids.add((await world.approvals.open(action(`n${i}`), [ASK])).request.id)
    expect(ids.size).toBe(20)
    for (const id of ids) expect(id).toMatch(/^ap_[a-z2-7]{12}$/)
  })

  it('says why an approval cannot be taken', async () => {
    const { approvals, levers } = world
    const { id } = await opened()
    const why = async () => {
      const answer = await approvals.take(REF, id, USE)
      return answer.ok ? 'ok' : answer.reason
    }
    expect(await why()).toMatch(/nobody has decided/)
    await approvals.decide(id, { verdict: 'approve', by: BY })
    await approvals.take({ ...REF, callId: 'first' }, id, USE)
    expect(await why()).toMatch(/used by call first/)
    await approvals.settle('first', 'release')
    levers.now += EXPIRES_MS
    expect(await why()).toMatch(/expired at 20/)
  })

  it('refuses a token of another shape', async () => {
    await expect(world.approvals.restore(REF, { id: 'ap' })).rejects.toThrow(TypeError)
  })

  it('does not show as usable a row that it did not write', async () => {
    const { id } = await opened()
    await world.store.write([{ sql: "update approvals set state = 'APPROVED' where id = $1", args: [id] }])
    await expect(world.approvals.get(id)).rejects.toThrow('unknown state')
    expect(await world.approvals.match('a', [ASK])).toBeUndefined()
    expect((await world.approvals.take(REF, id, USE).catch(() => ({ ok: false }))).ok).toBe(false)
  })
})

describe('asks', () => {
  const other = { ...ASK, plugin: 'test', key: 'policy.edit' }
  it('cannot be confused by where plugin and key are joined', () => {
    expect(asksKey([{ ...ASK, plugin: 'test.policy', key: 'edit' }])).not.toBe(asksKey([other]))
    expect(covers([ASK], [other])).toBe(false)
  })
  it('are the same in any order and number', () => {
    expect(asksKey([ASK, other, ASK])).toBe(asksKey([other, ASK]))
  })
})
