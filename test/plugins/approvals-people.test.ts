// The rules for people: who counts, how many must agree, when others join, and what an edit becomes.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import {
  type ApprovalRequest,
  type AskShown,
  type Decision,
  digest,
  rawPublicKey,
  type StoredAction,
  sha256,
} from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type SignedDecision, signDecision } from '../../plugins/approvals/signed.js'
import type { ApprovalRule, Approver } from '../../plugins/policy/slot.js'
import { type ApprovalsWorld, approvalsWorld } from './approvals-fixture.js'

const ASK: AskShown = { plugin: 'test.policy', key: 'edit', reason: 'it edits' }
const CLAIM = { id: 'user:boss', claimed: true, osUser: 'whoever' }

let world: ApprovalsWorld
beforeEach(async () => {
  world = await approvalsWorld()
  // One machine with one user, and nobody may decide what they asked for.
  world.levers.osUser = 'ann'
  world.levers.rules = { ...world.levers.rules, selfDecision: false }
})
afterEach(() => world.close())

const keys = new Map<string, KeyObject>()
function approver(name: string, more: Partial<Approver> = {}): Approver {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  keys.set(name, privateKey)
  return { id: `user:${name}`, key: rawPublicKey(publicKey).toString('base64url'), roles: [], ...more }
}

function rules(approvers: readonly Approver[], rule: Partial<ApprovalRule> = {}): void {
  const all = { tools: ['*'], actions: [], grants: 'allow' as const, at: 'p:1', ...rule }
  world.levers.rules = { ...world.levers.rules, approvers, rules: [all] }
}

const digestOf = (name = 'a', actor = 'agent:x') => sha256(`${name} ${actor}`)

function action(name = 'a', actor = 'agent:x'): StoredAction {
  const who = { id: actor, claimed: true, osUser: 'ann' }
  return {
    kind: 'tool.call',
    target: 'test.edit@v1',
    input: { name },
    actor: who,
    digest: digestOf(name, actor),
    contract: '1',
    about: {},
  }
}

async function opened(actor?: string): Promise<ApprovalRequest> {
  return (await world.approvals.open(action('a', actor), [ASK])).request
}

function sign(request: ApprovalRequest, name: string, more: Partial<SignedDecision> = {}): string {
  const key = keys.get(name)
  if (!key) throw new Error(name)
  const decided_at = new Date(world.levers.now).toISOString()
  const decision = {
    approval: request.id,
    digest: request.action.digest,
    verdict: 'approve' as const,
    decided_at,
    ...more,
  }
  return signDecision(decision, key)
}

function decide(id: string, more: Partial<Decision> = {}) {
  return world.approvals.decide(id, { verdict: 'approve', by: CLAIM, ...more })
}

describe('a signed decision', () => {
  it('counts as that of the approver whose key it is, on the machine of the requester', async () => {
    rules([approver('bob')])
    const request = await opened()
    await expect(decide(request.id)).rejects.toMatchObject({ code: 'APPROVER_REFUSED' })
    const { request: after } = await decide(request.id, { signed: sign(request, 'bob', { reason: 'fine' }) })
    expect(after).toMatchObject({ state: 'approved', reason: 'fine', decidedBy: { id: 'user:bob', claimed: false } })
    expect(after.decisions?.[0]?.key).toMatch(/^[\w-]{43}$/)
    const record = world.audit.records().findLast(({ record }) => record['type'] === 'approval.decided')?.record
    expect(record).toMatchObject({ by: { id: 'user:bob', os_user: 'ann', key: after.decisions?.[0]?.key } })
  })

  const own: readonly [name: string, actor: string, more: Partial<Approver>][] = [
    ['with the name of the requester', 'user:bob', {}],
    ['with the operating-system user of the requester', 'agent:x', { osUser: 'ann' }],
    ['named after the operating-system user of the requester', 'agent:x', { id: 'user:ann' }],
  ]
  it.each(own)('of an approver %s does not count', async (_, actor, more) => {
    rules([approver('bob', more)])
    const request = await opened(actor)
    await expect(decide(request.id, { signed: sign(request, 'bob') })).rejects.toMatchObject({
      code: 'APPROVER_REFUSED',
    })
    expect((await world.approvals.get(request.id))?.state).toBe('pending')
  })

  it('of a denial denies', async () => {
    rules([approver('bob')])
    const request = await opened()
    const signed = sign(request, 'bob', { verdict: 'deny', reason: 'no' })
    expect((await decide(request.id, { verdict: 'deny', signed })).request).toMatchObject({
      state: 'denied',
      reason: 'no',
    })
  })

  it('counts as long as it is fresh', async () => {
    rules([approver('bob')])
    const request = await opened()
    const ages: readonly [ms: number, counts: boolean][] = [
      [-3_600_001, false],
      [300_001, false],
      [0, true],
    ]
    for (const [ms, counts] of ages) {
      const signed = sign(request, 'bob', { decided_at: new Date(world.levers.now + ms).toISOString() })
      const code = await decide(request.id, { signed }).then(
        () => 'counts',
        (error: { code: string }) => error.code,
      )
      expect(code).toBe(counts ? 'counts' : 'APPROVAL_SIGNATURE')
    }
  })
})

describe('a signed decision that was tampered with or belongs elsewhere', () => {
  const b64 = (text: string) => Buffer.from(text).toString('base64url')
  const part = (jws: string, i: number, change: (text: string) => string) => {
    const parts = jws.split('.')
    parts[i] = b64(change(Buffer.from(parts[i] ?? '', 'base64url').toString()))
    return parts.join('.')
  }
  const attacks: readonly [name: string, make: (request: ApprovalRequest) => string][] = [
    ['an unknown key', (request) => sign(request, 'eve')],
    [
      'another verdict put in',
      (request) => part(sign(request, 'bob', { verdict: 'deny' }), 1, (t) => t.replace('deny', 'approve')),
    ],
    [
      'a grant put in',
      (request) =>
        part(sign(request, 'bob'), 1, (t) => t.replace('}', ',"grant":{"count":1,"hosts":[],"schema":{},"until":1}}')),
    ],
    ['another approval', (request) => sign(request, 'bob', { approval: 'ap_aaaaaaaaaaaa' })],
    ['another digest', (request) => sign(request, 'bob', { digest: 'b'.repeat(64) })],
    ['a denial passed as an approval', (request) => sign(request, 'bob', { verdict: 'deny' })],
    ['an edit that is not there', (request) => sign(request, 'bob', { edited: 'b'.repeat(64) })],
    ['alg none', (request) => part(sign(request, 'bob'), 0, (t) => t.replace('EdDSA', 'none'))],
    ['alg HS256', (request) => part(sign(request, 'bob'), 0, (t) => t.replace('EdDSA', 'HS256'))],
    [
      'a critical extension',
      (request) => part(sign(request, 'bob'), 0, (t) => t.replace('{', '{"b64":false,"crit":["b64"],')),
    ],
    ['a key of its own in the header', (request) => part(sign(request, 'bob'), 0, (t) => t.replace('{', '{"jwk":{},'))],
    [
      'the kid of another key',
      (request) => `${sign(request, 'eve').split('.')[0]}.${sign(request, 'bob').split('.').slice(1).join('.')}`,
    ],
    [
      'a repeated member',
      (request) => part(sign(request, 'bob'), 1, (t) => t.replace('"verdict"', '"verdict":"deny","verdict"')),
    ],
    ['white space', (request) => part(sign(request, 'bob'), 1, (t) => `${t} `)],
    ['no signature', (request) => `${sign(request, 'bob').split('.').slice(0, 2).join('.')}.`],
    ['half a signature', (request) => sign(request, 'bob').slice(0, -43)],
    ['padding', (request) => `${sign(request, 'bob')}==`],
    ['four parts', (request) => `${sign(request, 'bob')}.x`],
    ['a JSON serialization', (request) => JSON.stringify({ payload: sign(request, 'bob').split('.')[1] })],
    ['nothing', () => ''],
    ['a megabyte', () => 'a'.repeat(1024 * 1024)],
    [
      'a signature that is all zeros',
      (request) => `${sign(request, 'bob').split('.').slice(0, 2).join('.')}.${Buffer.alloc(64).toString('base64url')}`,
    ],
  ]
  it.each(attacks)('%s: is refused', async (_, make) => {
    rules([approver('bob')])
    approver('eve')
    const request = await opened()
    await expect(decide(request.id, { signed: make(request) })).rejects.toMatchObject({ code: 'APPROVAL_SIGNATURE' })
    expect((await world.approvals.get(request.id))?.state).toBe('pending')
    expect((await decide(request.id, { signed: sign(request, 'bob') })).request.state).toBe('approved')
  })

  it('a key of small order, under which one signature fits all, is no key', async () => {
    const bob = approver('bob')
    rules([{ ...bob, key: Buffer.alloc(32).fill(1, 0, 1).toString('base64url') }])
    const request = await opened()
    await expect(decide(request.id, { signed: sign(request, 'bob') })).rejects.toMatchObject({
      code: 'APPROVAL_SIGNATURE',
    })
  })

  it('twice by one approver is one word', async () => {
    rules([approver('bob'), approver('cid')], { quorum: { n: 2 } })
    const request = await opened()
    const signed = sign(request, 'bob')
    await decide(request.id, { signed })
    await expect(decide(request.id, { signed })).rejects.toMatchObject({ code: 'APPROVAL_UNUSABLE' })
    expect((await world.approvals.get(request.id))?.state).toBe('pending')
  })
})

describe('a quorum', () => {
  const members = () => [
    approver('bob', { roles: ['sec'] }),
    approver('cid', { roles: ['sec'] }),
    approver('dan', { roles: ['ops'] }),
    approver('eve', { roles: ['lead'] }),
  ]

  it('is reached by different people of the role, and every word is kept', async () => {
    rules(members(), { quorum: { n: 2, role: 'sec' } })
    const request = await opened()
    await expect(decide(request.id, { signed: sign(request, 'dan') })).rejects.toMatchObject({
      code: 'APPROVER_REFUSED',
    })
    expect((await decide(request.id, { signed: sign(request, 'bob', { reason: 'one' }) })).request.state).toBe(
      'pending',
    )
    expect(await world.approvals.match(digestOf(), [ASK])).toBeUndefined()
    const { request: after } = await decide(request.id, { signed: sign(request, 'cid', { reason: 'two' }) })
    expect(after.state).toBe('approved')
    expect(after.decisions?.map(({ by, reason }) => [by.id, reason])).toEqual([
      ['user:bob', 'one'],
      ['user:cid', 'two'],
    ])
    expect((await world.approvals.match(digestOf(), [ASK]))?.id).toBe(request.id)
  })

  it('is not reached by the store alone', async () => {
    rules(members(), { quorum: { n: 2, role: 'sec' } })
    const request = await opened()
    await decide(request.id, { signed: sign(request, 'bob') })
    await world.store.write([
      {
        sql: "insert into approvals_decisions select approval, 'user:cid', verdict, seq, decided_by, decided_at, key, reason, grant_id, grant_terms from approvals_decisions",
      },
      { sql: "update approvals set state = 'approved'" },
    ])
    expect(await world.approvals.match(digestOf(), [ASK])).toBeUndefined()
  })

  it('is reached by the last two of one moment, in two processes', async () => {
    rules(members(), { quorum: { n: 2, role: 'sec' } })
    const other = await world.another()
    const request = await opened()
    const [bob, cid] = [sign(request, 'bob'), sign(request, 'cid')]
    await Promise.all([
      decide(request.id, { signed: bob }),
      other.decide(request.id, { verdict: 'approve', by: CLAIM, signed: cid }),
    ])
    expect((await world.approvals.match(digestOf(), [ASK]))?.id).toBe(request.id)
  })

  it('does not hold up one who denies, also after having approved', async () => {
    rules(members(), { quorum: { n: 2, role: 'sec' } })
    const request = await opened()
    await decide(request.id, { signed: sign(request, 'bob') })
    const signed = sign(request, 'bob', { verdict: 'deny' })
    expect((await decide(request.id, { verdict: 'deny', signed })).request.state).toBe('denied')
  })

  it('counts operating-system users where the policy names no approvers', async () => {
    rules([], { quorum: { n: 2 } })
    const { id } = await opened()
    for (const [user, state] of [
      ['bob', 'pending'],
      ['cid', 'approved'],
    ] as const) {
      world.levers.osUser = user
      expect((await decide(id)).request.state).toBe(state)
    }
  })

  it('gives a grant only when all of it gave the same', async () => {
    rules(members(), { quorum: { n: 2, role: 'sec' } })
    const grant = { schema: { type: 'object' }, hosts: [], count: 3, until: world.levers.now + 1000 }
    for (const [second, grants] of [
      [{ ...grant, count: 4 }, 0],
      [grant, 1],
    ] as const) {
      const request = await opened(`agent:g${grants}`)
      await decide(request.id, { signed: sign(request, 'bob', { grant }) })
      await decide(request.id, { signed: sign(request, 'cid', { grant: second }) })
      expect(await world.approvals.grants.list()).toHaveLength(grants)
      expect((await world.approvals.grants.match(action('b', `agent:g${grants}`), [ASK]))?.terms.count).toBe(
        grants ? 3 : undefined,
      )
    }
  })

  it('is joined by the next group when its time has come, and not before', async () => {
    rules(members(), { quorum: { n: 1, role: 'sec' }, escalate: { afterMs: 30_000, role: 'lead' } })
    const request = await opened()
    world.levers.now += 29_999
    await world.escalate(request.id)
    await expect(decide(request.id, { signed: sign(request, 'eve') })).rejects.toMatchObject({
      code: 'APPROVER_REFUSED',
    })
    expect(world.escalations).toEqual([])
    world.levers.now += 1
    await world.escalate(request.id)
    await world.escalate(request.id)
    expect(world.escalations).toMatchObject([{ role: 'lead', request: { id: request.id } }])
    expect(world.audit.records().filter(({ record }) => record['type'] === 'approval.escalated')).toHaveLength(1)
    await expect(decide(request.id, { signed: sign(request, 'dan') })).rejects.toMatchObject({
      code: 'APPROVER_REFUSED',
    })
    expect((await decide(request.id, { signed: sign(request, 'eve') })).request.state).toBe('approved')
  })

  it('wakes whoever escalates, at the time of the rule', async () => {
    rules(members(), { quorum: { n: 1, role: 'sec' }, escalate: { afterMs: 30_000, role: 'lead' } })
    world.store.work('cloned.approvals.escalate', world.escalate)
    await opened()
    await world.store.drainWork()
    expect(world.escalations).toHaveLength(0)
    world.levers.now += 30_000
    await world.store.drainWork()
    expect(world.escalations).toHaveLength(1)
  })
})

describe('a list of approvers', () => {
  it('keeps everybody else out, and knows its members by their operating-system user', async () => {
    rules([{ id: 'user:bob', osUser: 'bobby', roles: [] }])
    const { id } = await opened()
    world.levers.osUser = 'eve'
    await expect(decide(id)).rejects.toMatchObject({ code: 'APPROVER_REFUSED' })
    world.levers.osUser = 'bobby'
    expect((await decide(id)).request.decidedBy).toEqual({ id: 'user:bob', claimed: false, osUser: 'bobby' })
  })
})

describe('approving with edited arguments', () => {
  const edit = { name: 'edited' }

  it('closes the request, and approves the edited action under its own digest', async () => {
    rules([approver('bob')])
    const request = await opened()
    const { request: after } = await decide(request.id, {
      edit,
      signed: sign(request, 'bob', { edited: digest(edit) }),
    })
    expect(after).toMatchObject({ state: 'approved', action: { input: edit } })
    expect(after.id).not.toBe(request.id)
    expect(await world.approvals.get(request.id)).toMatchObject({ state: 'edited', replacedBy: after.id })
    expect(await world.approvals.match(digestOf(), [ASK])).toBeUndefined()
    expect((await world.approvals.match(after.action.digest, [ASK]))?.id).toBe(after.id)
    // The store alone does not open the original again.
    await world.store.write([{ sql: "update approvals set state = 'approved' where id = $1", args: [request.id] }])
    expect(await world.approvals.match(digestOf(), [ASK])).toBeUndefined()
  })

  it('is refused with a signature for other arguments, for the same ones, and for a step of a run', async () => {
    rules([approver('bob')])
    const request = await opened()
    const signed = sign(request, 'bob', { edited: digest({ name: 'other' }) })
    await expect(decide(request.id, { edit, signed })).rejects.toMatchObject({ code: 'APPROVAL_SIGNATURE' })
    await expect(decide(request.id, { edit, signed: sign(request, 'bob') })).rejects.toMatchObject({
      code: 'APPROVAL_SIGNATURE',
    })
    const step = await opened('run:r1')
    const forStep = sign(step, 'bob', { edited: digest(edit) })
    await expect(decide(step.id, { edit, signed: forStep })).rejects.toMatchObject({ code: 'APPROVAL_UNUSABLE' })
    for (const { id } of [request, step]) expect((await world.approvals.get(id))?.state).toBe('pending')
  })

  it('is done by one of two, whoever else decides at that moment, and never by halves', async () => {
    world.levers.rules = { ...world.levers.rules, selfDecision: true }
    const { id } = await opened()
    const other = await world.another()
    const ended = await Promise.allSettled([decide(id, { edit }), other.decide(id, { verdict: 'deny', by: CLAIM })])
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const [request] = (await world.approvals.list()).filter((one) => one.id === id)
    const edited = (await world.approvals.list()).find((one) => one.id !== id)
    expect([request?.state, edited?.state]).toEqual(
      ended[0].status === 'fulfilled' ? ['edited', 'approved'] : ['denied', edited && 'pending'],
    )
  })
})
