// The rules of standing grants: what they cover, how often, and who ends them.
import type { AskShown, GrantTerms, Json, StoredAction } from 'cloned/kernel'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { acceptTerms, covers, hostsIn, sameAs } from '../../plugins/approvals/grant-terms.js'
import { type ApprovalsWorld, approvalsWorld } from './approvals-fixture.js'

const ASK: AskShown = { plugin: 'test.policy', key: 'edit', reason: 'it edits' }
const BY = { id: 'user:boss', claimed: false, osUser: 'decider' }
const NOW = 1_800_000_000_000
const TERMS: GrantTerms = { schema: sameAs({ path: 'a.txt' }, ['path']), hosts: [], count: 10, until: NOW + 3_600_000 }

let world: ApprovalsWorld
beforeEach(async () => {
  world = await approvalsWorld()
})
afterEach(() => world.close())

function action(input: Json = { path: 'a.txt', n: 1 }, more: Partial<StoredAction> = {}): StoredAction {
  const actor = { id: 'agent:x', claimed: true, osUser: 'requester' }
  const digest = JSON.stringify(input)
  return { kind: 'tool.call', target: 'test.edit@v1', input, actor, digest, contract: '1', about: {}, ...more }
}

async function granted(terms: Partial<GrantTerms> = {}): Promise<string> {
  const { request } = await world.approvals.open(action({ path: 'a.txt', n: 0 }), [ASK])
  await world.approvals.decide(request.id, { verdict: 'approve', by: BY, grant: { ...TERMS, ...terms } })
  return request.id.replace('ap_', 'gr_')
}

const match = (of = action(), asks = [ASK]) => world.approvals.grants.match(of, asks)
const take = (id: string, callId: string, approvals = world.approvals) =>
  approvals.take({ callId, instance: 'i1' }, id, { digest: 'any', asks: [ASK] })

describe('a grant', () => {
  const actor = { id: 'agent:x', claimed: true, osUser: 'requester' }
  const rows: readonly [name: string, of: StoredAction, asks: readonly AskShown[], covered: boolean][] = [
    ['the same tool with arguments that fit', action(), [ASK], true],
    ['a question in other words', action(), [{ ...ASK, reason: 'x' }], true],
    ['an argument that does not fit', action({ path: 'b.txt', n: 1 }), [ASK], false],
    ['an argument that is missing', action({ n: 1 }), [ASK], false],
    ['a question that was not shown', action(), [ASK, { ...ASK, key: 'other' }], false],
    ['the question of another plugin', action(), [{ ...ASK, plugin: 'acme.other' }], false],
    ['another tool', action(undefined, { target: 'test.other@v1' }), [ASK], false],
    ['a changed contract of the tool', action(undefined, { contract: '2' }), [ASK], false],
    ['another kind of action', action(undefined, { kind: 'policy.write' }), [ASK], false],
    ['another agent', action(undefined, { actor: { ...actor, id: 'agent:y' } }), [ASK], false],
    ['the same name unclaimed', action(undefined, { actor: { ...actor, claimed: false } }), [ASK], false],
    ['another operating-system user', action(undefined, { actor: { ...actor, osUser: 'eve' } }), [ASK], false],
    ['a host that was not granted', action({ path: 'a.txt', n: 'see https://evil.test/' }), [ASK], false],
    ['a host that only a parser sees', action({ path: 'a.txt', n: "https://example.com'@evil.test/" }), [ASK], false],
  ]
  it.each(rows)('for %s', async (_, of, asks, covered) => {
    const id = await granted()
    expect((await world.approvals.grants.match(of, asks))?.id).toBe(covered ? id : undefined)
  })

  it('is used exactly as often as it says, by fifty calls of two processes at one moment', async () => {
    const id = await granted({ count: 10 })
    const other = await world.another()
    const takes = await Promise.all(
      Array.from({ length: 50 }, (_, i) => take(id, `c${i}`, i % 2 ? other : world.approvals)),
    )
    expect(takes.filter(({ ok }) => ok)).toHaveLength(10)
    expect((await world.approvals.grants.list())[0]?.used).toBe(10)
    expect(await match()).toBeUndefined()
  })

  it('is given back by a call that ran nothing, and spent by one that ran', async () => {
    const id = await granted({ count: 1 })
    expect((await take(id, 'c1')).ok).toBe(true)
    expect(await world.approvals.unsettled('i1')).toEqual(['c1'])
    await world.approvals.settle('c1', 'release', 5)
    expect((await take(id, 'c2')).ok).toBe(true)
    await world.approvals.settle('c2', 'commit', 6)
    expect(await world.approvals.settledUpTo('i1')).toBe(6)
    expect(await world.approvals.unsettled('i1')).toEqual([])
    expect((await take(id, 'c3')).ok).toBe(false)
  })

  it('is restored from the token of an intent, once', async () => {
    const id = await granted({ count: 2 })
    await world.approvals.restore({ callId: 'c1', instance: 'i1' }, id)
    await world.approvals.restore({ callId: 'c1', instance: 'i1' }, id)
    expect(await world.approvals.unsettled('i1')).toEqual(['c1'])
    expect((await take(id, 'c2')).ok).toBe(true)
    expect((await take(id, 'c3')).ok).toBe(false)
  })

  it('is over at its time, and not before', async () => {
    const id = await granted({ until: NOW + 1000 })
    world.levers.now = NOW + 999
    expect((await match())?.id).toBe(id)
    world.levers.now = NOW + 1000
    expect(await match()).toBeUndefined()
    expect((await take(id, 'c1')).ok).toBe(false)
  })

  it('that is revoked is over at once in every process, for good', async () => {
    const id = await granted()
    const other = await world.another()
    expect((await take(id, 'c1', other)).ok).toBe(true)
    await world.approvals.grants.revoke(id, BY, 'enough')
    expect(await other.grants.match(action(), [ASK])).toBeUndefined()
    expect((await take(id, 'c2', other)).ok).toBe(false)
    await world.store.write([{ sql: 'update approvals_grants set revoked_at = null', args: [] }])
    expect((await take(id, 'c3', other)).ok).toBe(false)
    expect(world.audit.records().at(-1)?.record).toMatchObject({
      type: 'approval.grant_revoked',
      approval: id,
      reason: 'enough',
    })
  })
})

describe('a grant that only the store knows', () => {
  const forged: readonly [name: string, sql: string][] = [
    ['more uses', 'update approvals_grants set count = 1000, terms = replace(terms, \'"count":10\', \'"count":1000\')'],
    [
      'a later end',
      `update approvals_grants set until = until + 1, terms = replace(terms, '${TERMS.until}', '${TERMS.until + 1}')`,
    ],
    [
      'wider arguments',
      'update approvals_grants set terms = replace(terms, \'"required":["path"]\', \'"required":[]\')',
    ],
    ['another tool', "update approvals_grants set tool = 'test.other@v1'"],
    ['another id', "update approvals_grants set id = 'gr_other'"],
    ['another approval', 'update approvals_grants set bound = replace(bound, \'"approval":"\', \'"approval":"x\')'],
  ]
  it.each(forged)('to have %s does not count', async (name, sql) => {
    await granted()
    expect(await match()).toBeDefined()
    await world.store.write([{ sql, args: [] }])
    expect(await match(action(undefined, name === 'another tool' ? { target: 'test.other@v1' } : {}))).toBeUndefined()
    const [grant] = await world.approvals.grants.list()
    expect((await take(grant?.id ?? '', 'c1')).ok).toBe(false)
  })

  it('to have been used less than the log says does not count', async () => {
    const id = await granted({ count: 2 })
    for (const call_id of ['c1', 'c2']) {
      await take(id, call_id)
      await world.audit.append({ type: 'tool.intent', ts: '', call_id, instance: 'i1', approval: id })
    }
    await world.store.write([{ sql: 'delete from approvals_grant_uses', args: [] }])
    expect(await match()).toBeUndefined()
    expect((await take(id, 'c3')).ok).toBe(false)
  })

  it('to begin later than the log says does not count, in the very process that had proven it', async () => {
    const id = await granted({ count: 1 })
    expect(await match()).toBeDefined()
    await world.store.write([{ sql: 'update approvals_grants set requested_seq = 1000000', args: [] }])
    await take(id, 'c1')
    await world.audit.append({ type: 'tool.intent', ts: '', call_id: 'c1', instance: 'i1', approval: id })
    await world.store.write([{ sql: 'delete from approvals_grant_uses', args: [] }])
    expect(await match()).toBeUndefined()
    expect((await take(id, 'c2')).ok).toBe(false)
  })
})

describe('a grant that the policy no longer allows', () => {
  it('covers nothing from then on, and again once it does', async () => {
    const id = await granted()
    const { rules } = world.levers
    const rule = { tools: ['test.*'], actions: [], grants: 'deny', at: 'here' } as const
    world.levers.rules = { ...rules, rules: [rule] }
    expect(await match()).toBeUndefined()
    expect(await take(id, 'c1')).toMatchObject({ ok: false, code: 'APPROVAL_UNUSABLE' })
    world.levers.rules = rules
    expect((await match())?.id).toBe(id)
  })
})

describe('a schema that cannot be judged in time', () => {
  const path = { type: 'string', pattern: '^(a+)+(\\.txt)?$' }
  const self = { type: 'object', if: { properties: { n: {} }, required: ['n'] }, else: { $ref: '#' } }
  it.each<[string, GrantTerms['schema'], Json]>([
    ['for its pattern', { type: 'object', properties: { path } }, { path: `${'a'.repeat(64)}!`, n: 1 }],
    ['because it refers to itself', self, { path: 'aa' }],
  ])('%s covers nothing, and others still do', async (_, schema, input) => {
    await granted({ schema })
    const { request } = await world.approvals.open(action({ path: 'a.txt', n: 2 }), [ASK])
    const any = { ...TERMS, schema: { type: 'object' }, until: TERMS.until + 1 }
    await world.approvals.decide(request.id, { verdict: 'approve', by: BY, grant: any })
    expect((await match(action(input)))?.approval).toBe(request.id)
  })
})

describe('the hosts of an input', () => {
  it.each([
    ["https://a.test'@b.test/", ['a.test', 'b.test']],
    ['https://a.test @b.test/', ['a.test', 'b.test']],
    ['https://a.test\u00a0@b.test/', ['a.test', 'b.test']],
    ['https://a.test<@b.test/', ['a.test', 'b.test']],
    ['see https://a.test/x and https://b.test', ['a.test', 'b.test']],
    ['HTTPS:\\\\a.test', ['a.test']],
    ['ht\ttps://a.te\nst/', ['a.test']],
  ])('of %j are those that any reader of it finds', (text, hosts) => {
    expect(hostsIn({ deep: [{ text }] })).toEqual(hosts)
  })

  it('hold the one that a URL parser finds, whatever is around it', () => {
    const around = fc.string({ unit: fc.constantFrom(...'\'"<> @:/\\#?\t\u00a0a.') })
    fc.assert(
      fc.property(around, around, (user, rest) => {
        const text = `https:${user}b.test${rest}`
        if (URL.canParse(text)) expect(hostsIn(text)).toContain(new URL(text).hostname)
      }),
      { numRuns: 500 },
    )
  })
})

describe('the terms of a grant', () => {
  const input = { path: 'a.txt', url: 'https://example.com/x' }
  const good: GrantTerms = { schema: { type: 'object' }, hosts: ['example.com'], count: 1, until: NOW + 1 }
  const bad: readonly [name: string, terms: Partial<GrantTerms>][] = [
    ['no use', { count: 0 }],
    ['half a use', { count: 1.5 }],
    ['endless uses', { count: 10_001 }],
    ['an end that is over', { until: NOW }],
    ['no end', { until: Number.POSITIVE_INFINITY }],
    ['an end in a year', { until: NOW + 365 * 24 * 3_600_000 }],
    ['a host with a path', { hosts: ['example.com/x'] }],
    ['a pattern for a host', { hosts: ['*.example.com', 'EXAMPLE.com'] }],
    ['not the host of the request', { hosts: [] }],
    ['a schema that is none', { schema: { type: 'nonsense' } }],
    ['a schema that refuses the request itself', { schema: { type: 'object', required: ['other'] } }],
  ]
  it.each(bad)('are refused with %s', (_, terms) => {
    expect(() => acceptTerms('ap_x', { ...good, ...terms }, input, NOW)).toThrow(
      expect.objectContaining({ code: 'GRANT_REFUSED' }),
    )
    expect(acceptTerms('ap_x', good, input, NOW)).toEqual(good)
  })

  it('are refused where the policy rules grants out, and for what is not a tool call', async () => {
    const { request } = await world.approvals.open(action(), [ASK])
    const rule = { tools: ['test.*'], actions: [], grants: 'deny' as const, at: 'personal.yaml:3' }
    world.levers.rules = { ...world.levers.rules, rules: [rule] }
    const decision = { verdict: 'approve' as const, by: BY, grant: TERMS }
    await expect(world.approvals.decide(request.id, decision)).rejects.toMatchObject({ code: 'GRANT_REFUSED' })
    const other = await world.approvals.open(action({ path: 'a.txt' }, { kind: 'policy.write' }), [ASK])
    await expect(world.approvals.decide(other.request.id, decision)).rejects.toMatchObject({ code: 'GRANT_REFUSED' })
    expect((await world.approvals.get(request.id))?.state).toBe('pending')
  })

  const spellings = [
    'https://evil.test',
    'HTTPS://EVIL.test/',
    'http:\\\\evil.test',
    'ht\ntps://evil.test',
    'x https://a@evil.test:1',
    'wss://evil.test',
    'https:evil.test',
  ]
  it.each(spellings)('see the host in %j', (text) => {
    expect(hostsIn({ list: [{ text }] })).toEqual(['evil.test'])
    expect(hostsIn({ [text]: 1 })).toEqual(['evil.test'])
    expect(covers({ ...good, hosts: ['example.com'] }, { text })).toBe(false)
  })

  it('never cover an input with another value of a fixed argument', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const [one, two] = [JSON.parse(JSON.stringify(a)) as Json, JSON.parse(JSON.stringify(b)) as Json]
        // No input has that key: the gate refuses such a call before anybody compares.
        fc.pre(hostsIn([one, two]).length === 0 && !JSON.stringify([one, two]).includes('__proto__'))
        const terms = { ...good, hosts: [], schema: sameAs({ k: one }, ['k']) }
        const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(two))
        // Where ajv compares it calls what these keys name, which is no function: nothing is covered then.
        const unclear = /"(?:toString|valueOf)":/.test(JSON.stringify(one))
        expect(covers(terms, { k: two })).toBe(same && !unclear)
      }),
      { numRuns: 100 },
    )
  })
})

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value === 0 ? 0 : value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  )
}
