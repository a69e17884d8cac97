// The rules of standing grants, as cases; they hold for implementations that have grants, and say nothing of others.
import assert from 'node:assert/strict'
import type { Grants, GrantTerms, StoredAction } from '../contracts.js'
import { toolCall } from '../kinds.js'
import {
  type ApprovalsFixture,
  actionOf,
  EDIT,
  RACERS,
  type Rule,
  refOf,
  rejects,
  SPEND,
  TEST_DECIDER,
  TEST_REQUESTER,
} from './approvals-fixture.js'
import type { ContractCase } from './case.js'

const callOf = (name: string, input = name) => ({
  ...actionOf(name),
  kind: toolCall.id,
  target: 'test.tool@v1',
  input: { input },
})

/** What makes a call one of something else than the grant was given for. */
const OTHERS: readonly [what: string, other: Partial<StoredAction>][] = [
  ['another kind', { kind: 'test.action' }],
  ['another tool', { target: 'test.other@v1' }],
  ['another contract of the tool', { contract: '2' }],
  ['another actor', { actor: { ...TEST_REQUESTER, id: 'agent:other' } }],
  ['an actor of another user', { actor: { ...TEST_REQUESTER, osUser: 'other' } }],
  ['an actor that was proved where it was claimed', { actor: { ...TEST_REQUESTER, claimed: false } }],
]

/** A grant for calls whose input is `ok`, and its id. */
async function granted(
  { approvals, expiresMs }: ApprovalsFixture,
  grants: Grants,
  count: number,
  schema: GrantTerms['schema'] = { type: 'object', properties: { input: { const: 'ok' } } },
): Promise<string> {
  const { request } = await approvals.open(callOf('first', 'ok'), [EDIT])
  const grant: GrantTerms = { schema, hosts: [], count, until: request.createdAt + expiresMs }
  await approvals.decide(request.id, { verdict: 'approve', by: TEST_DECIDER, grant })
  return (await grants.list())[0]?.id ?? assert.fail('no grant was given')
}

/** A grant covers what is like the request that it was given with, so often and so long. */
export function grantRules(rule: Rule): ContractCase[] {
  const check = (name: string, run: (fixture: ApprovalsFixture, grants: Grants) => Promise<void>) =>
    rule(name, async (fixture) => {
      const { grants } = fixture.approvals
      if (grants) await run(fixture, grants)
    })
  const take = ({ approvals }: ApprovalsFixture, id: string, call: string) =>
    approvals.take(refOf(call), id, { digest: callOf(call).digest, asks: [EDIT] })
  return [
    check('a grant covers later calls whose input fits, and the asks that were shown', async (fixture, grants) => {
      const id = await granted(fixture, grants, 2)
      assert.equal((await grants.match(callOf('b', 'ok'), [EDIT]))?.id, id)
      assert.equal(await grants.match(callOf('b', 'other'), [EDIT]), undefined)
      assert.equal(await grants.match(callOf('b', 'ok'), [EDIT, SPEND]), undefined)
    }),
    ...OTHERS.map(([what, other]) =>
      check(`a grant does not cover calls of ${what}`, async (fixture, grants) => {
        await granted(fixture, grants, 2)
        assert.equal(await grants.match({ ...callOf('b', 'ok'), ...other }, [EDIT]), undefined)
      }),
    ),
    check('a grant does not cover hosts that it does not name', async (fixture, grants) => {
      await granted(fixture, grants, 2, { type: 'object' })
      assert.ok(await grants.match(callOf('b', 'anything'), [EDIT]))
      assert.equal(await grants.match(callOf('b', 'see https://elsewhere.test/'), [EDIT]), undefined)
    }),
    check('a grant is taken for the questions that were shown', async (fixture, grants) => {
      const id = await granted(fixture, grants, 1)
      const { digest } = callOf('b', 'ok')
      assert.equal((await fixture.approvals.take(refOf('c1'), id, { digest, asks: [EDIT, SPEND] })).ok, false)
      assert.equal((await take(fixture, id, 'c1')).ok, true)
    }),
    check('a grant comes with a yes, and not with a no', async ({ approvals, expiresMs }, grants) => {
      const { request } = await approvals.open(callOf('first', 'ok'), [EDIT])
      const grant = { schema: { type: 'object' }, hosts: [], count: 1, until: request.createdAt + expiresMs }
      await approvals.decide(request.id, { verdict: 'deny', by: TEST_DECIDER, grant })
      assert.deepEqual(await grants.list(), [])
      await rejects(grants.revoke('gr_none', TEST_DECIDER), 'APPROVAL_UNKNOWN')
    }),
    check('uses of a grant are recovered like those of an approval', async (fixture, grants) => {
      const { approvals } = fixture
      const id = await granted(fixture, grants, 2)
      await take(fixture, id, 'c1')
      await approvals.restore(refOf('c1'), id)
      await approvals.restore(refOf('c2'), id)
      assert.deepEqual([...(await approvals.unsettled('i1'))].sort(), ['c1', 'c2'])
      assert.equal((await take(fixture, id, 'c3')).ok, false)
      await approvals.settle('c2', 'commit', 8)
      assert.deepEqual(await approvals.unsettled('i1'), ['c1'])
      assert.equal(await approvals.settledUpTo('i1'), 8)
    }),
    check('a grant is used exactly as often as it says, by many calls at one moment', async (fixture, grants) => {
      const id = await granted(fixture, grants, 3)
      const takes = await Promise.all(Array.from({ length: RACERS }, (_, i) => take(fixture, id, `c${i}`)))
      assert.equal(takes.filter(({ ok }) => ok).length, 3)
      assert.equal(await grants.match(callOf('b', 'ok'), [EDIT]), undefined)
    }),
    check('a use of a grant that is given back can be had again', async (fixture, grants) => {
      const id = await granted(fixture, grants, 1)
      assert.equal((await take(fixture, id, 'c1')).ok, true)
      await fixture.approvals.settle('c1', 'release')
      assert.equal((await take(fixture, id, 'c2')).ok, true)
      await fixture.approvals.settle('c2', 'commit', 9)
      assert.equal((await take(fixture, id, 'c3')).ok, false)
    }),
    check('a grant is over at its end, and at once when it is revoked', async (fixture, grants) => {
      const first = await granted(fixture, grants, 5)
      await grants.revoke(first, TEST_DECIDER)
      await grants.revoke(first, TEST_DECIDER)
      assert.equal(await grants.match(callOf('b', 'ok'), [EDIT]), undefined)
      assert.equal((await take(fixture, first, 'c1')).ok, false)
      fixture.advance(fixture.expiresMs)
      const second = await granted(fixture, grants, 5)
      fixture.advance(fixture.expiresMs)
      assert.equal((await take(fixture, second, 'c2')).ok, false)
    }),
  ]
}
