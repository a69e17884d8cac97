// The rules of approvals for using, expiring and settling, as cases; one case for each rule.
import assert from 'node:assert/strict'
import {
  actionOf,
  approve,
  EDIT,
  RACERS,
  type Rule,
  refOf,
  rejects,
  SPEND,
  TEST_DECIDER,
  take,
} from './approvals-fixture.js'
import type { ContractCase } from './case.js'

/** One call uses an approval. */
export function useRules(rule: Rule): ContractCase[] {
  return [
    rule('one of many calls at one moment gets an approval', async ({ approvals }) => {
      const { id, action } = await approve(approvals, 'a')
      const answers = await Promise.all(Array.from({ length: RACERS }, (_, i) => take(approvals, refOf(`c${i}`), id)))
      assert.equal(answers.filter(({ ok }) => ok).length, 1)
      assert.equal((await approvals.get(id))?.usedBy, `c${answers.findIndex(({ ok }) => ok)}`)
      assert.equal(await approvals.match(action.digest, [EDIT]), undefined)
      await rejects(approvals.decide(id, { verdict: 'deny', by: TEST_DECIDER }), 'APPROVAL_UNUSABLE')
    }),
    rule(
      'an approval is taken for the action that was approved, and for questions that were shown',
      async (fixture) => {
        const { approvals } = fixture
        const { id, action } = await approve(approvals, 'a', [EDIT, SPEND])
        const { digest } = action
        const others = [
          { digest: actionOf('b').digest, asks: [EDIT] },
          { digest, asks: [EDIT, { ...EDIT, key: 'delete' }] },
          { digest, asks: [{ ...EDIT, plugin: SPEND.plugin }] },
        ]
        const refuses = async (call: string) => {
          for (const use of others) assert.equal((await approvals.take(refOf(call), id, use)).ok, false)
        }
        await refuses('c1')
        assert.equal((await approvals.get(id))?.state, 'approved')
        assert.equal((await approvals.take(refOf('c1'), id, { digest, asks: [SPEND] })).ok, true)
        await refuses('c1')
      },
    ),
    rule('an approval that the audit log shows as used by one call is for no other', async ({ approvals, audit }) => {
      if (!audit) return
      const { id, action } = await approve(approvals, 'a')
      // As after a store that was put back to what it was: only the log still knows.
      await audit.append({ type: 'tool.intent', ts: '2026-01-01T00:00:00.000Z', call_id: 'c1', approval: id })
      assert.equal(await approvals.match(action.digest, [EDIT]), undefined)
      assert.equal((await take(approvals, refOf('c2'), id)).ok, false)
    }),
    rule('taking twice for one call is taking once', async ({ approvals }) => {
      const { id } = await approve(approvals, 'a')
      const first = await take(approvals, refOf('c1'), id)
      assert.equal(first.ok, true)
      assert.deepEqual(await take(approvals, refOf('c1'), id), first)
      assert.deepEqual(await approvals.unsettled('i1'), ['c1'])
    }),
    rule('a committed use is for good', async ({ approvals }) => {
      const { id, action } = await approve(approvals, 'a')
      await take(approvals, refOf('c1'), id)
      await approvals.settle('c1', 'commit', 7)
      await approvals.settle('c1', 'commit', 7)
      await approvals.settle('c1', 'release', 7)
      assert.equal((await approvals.get(id))?.state, 'used')
      assert.equal((await approvals.get(id))?.usedBy, 'c1')
      assert.equal(await approvals.match(action.digest, [EDIT]), undefined)
      for (const call of ['c1', 'c2']) assert.equal((await take(approvals, refOf(call), id)).ok, false)
    }),
    rule('a released use can be used again, by one call', async ({ approvals }) => {
      const { id, action } = await approve(approvals, 'a')
      await take(approvals, refOf('c1'), id)
      await approvals.settle('c1', 'release')
      assert.equal((await approvals.match(action.digest, [EDIT]))?.id, id)
      assert.equal((await take(approvals, refOf('c2'), id)).ok, true)
      // What comes late for the first call must not touch the second one's use.
      await approvals.settle('c1', 'release')
      assert.equal((await take(approvals, refOf('c3'), id)).ok, false)
      await approvals.settle('c1', 'commit')
      assert.deepEqual(await approvals.unsettled('i1'), ['c2'])
    }),
  ]
}

/** Time ends requests and approvals, for good. */
export function expiryRules(rule: Rule): ContractCase[] {
  return [
    rule('a request that expired cannot be decided, and does not stand in the way of a new one', async (fixture) => {
      const { approvals, advance, expiresMs } = fixture
      const { request } = await approvals.open(actionOf('a'), [EDIT])
      assert.equal(request.expiresAt - request.createdAt, expiresMs)
      advance(expiresMs)
      assert.equal((await approvals.get(request.id))?.state, 'expired')
      await rejects(approvals.decide(request.id, { verdict: 'approve', by: TEST_DECIDER }), 'APPROVAL_UNUSABLE')
      const next = await approvals.open(actionOf('a'), [EDIT])
      assert.equal(next.created, true)
      assert.notEqual(next.request.id, request.id)
    }),
    rule(
      'an approval can be used until it expires, and not at that moment',
      async ({ approvals, advance, expiresMs }) => {
        const first = await approve(approvals, 'a')
        const second = await approve(approvals, 'b')
        advance(expiresMs - 1)
        assert.equal((await take(approvals, refOf('c1'), first.id)).ok, true)
        advance(1)
        assert.equal(await approvals.match(second.action.digest, [EDIT]), undefined)
        assert.equal((await take(approvals, refOf('c2'), second.id)).ok, false)
        assert.deepEqual(
          (await approvals.list({ state: 'expired' })).map(({ id }) => id),
          [second.id],
        )
      },
    ),
    rule('releasing a use after expiry does not bring the approval back', async ({ approvals, advance, expiresMs }) => {
      const { id, action } = await approve(approvals, 'a')
      await take(approvals, refOf('c1'), id)
      advance(expiresMs)
      await approvals.settle('c1', 'release')
      assert.equal((await approvals.get(id))?.state, 'expired')
      assert.equal(await approvals.match(action.digest, [EDIT]), undefined)
      assert.equal((await take(approvals, refOf('c2'), id)).ok, false)
    }),
    rule('a clock that steps back does not open a request again that was refused as expired', async (fixture) => {
      const { approvals, advance, expiresMs } = fixture
      const { request } = await approvals.open(actionOf('a'), [EDIT])
      advance(expiresMs)
      await rejects(approvals.decide(request.id, { verdict: 'approve', by: TEST_DECIDER }), 'APPROVAL_UNUSABLE')
      advance(-expiresMs)
      await rejects(approvals.decide(request.id, { verdict: 'approve', by: TEST_DECIDER }), 'APPROVAL_UNUSABLE')
    }),
    rule('an approval that was seen as expired stays so when the clock steps back', async (fixture) => {
      const { approvals, advance, expiresMs } = fixture
      const { id, action } = await approve(approvals, 'a')
      advance(expiresMs)
      assert.equal((await approvals.get(id))?.state, 'expired')
      advance(-expiresMs)
      assert.equal((await approvals.get(id))?.state, 'expired')
      assert.equal(await approvals.match(action.digest, [EDIT]), undefined)
      assert.equal((await take(approvals, refOf('c1'), id)).ok, false)
    }),
  ]
}

/** Recovery finds what was taken, and rebuilds what was lost. */
export function settlementRules(rule: Rule): ContractCase[] {
  return [
    rule('unsettled uses and the settled mark are kept by kernel instance', async ({ approvals }) => {
      const uses = [
        ['c1', 'i1'],
        ['c2', 'i1'],
        ['c3', 'i2'],
        ['c4', 'i1'],
      ] as const
      for (const [callId, instance] of uses) {
        const { id } = await approve(approvals, callId)
        await take(approvals, { callId, instance }, id)
      }
      assert.deepEqual([...(await approvals.unsettled('i1'))].sort(), ['c1', 'c2', 'c4'])
      assert.equal(await approvals.settledUpTo('i1'), 0)
      await approvals.settle('c2', 'commit', 12)
      await approvals.settle('c1', 'release', 11)
      await approvals.settle('c4', 'release')
      assert.deepEqual(await approvals.unsettled('i1'), [])
      assert.equal(await approvals.settledUpTo('i1'), 12)
      assert.deepEqual(await approvals.unsettled('i2'), ['c3'])
      assert.equal(await approvals.settledUpTo('i2'), 0)
    }),
    rule(
      'a use that was lost is restored from its token, past expiry too',
      async ({ approvals, advance, expiresMs }) => {
        const { id } = await approve(approvals, 'a')
        advance(expiresMs)
        // As after a power cut: the intent is in the log, the use is not in the store.
        await approvals.restore(refOf('c1'), id)
        await approvals.restore(refOf('c1'), id)
        assert.deepEqual(await approvals.unsettled('i1'), ['c1'])
        assert.equal((await take(approvals, refOf('c2'), id)).ok, false)
        await approvals.settle('c1', 'commit', 3)
        assert.equal((await approvals.get(id))?.usedBy, 'c1')
        assert.equal(await approvals.settledUpTo('i1'), 3)
      },
    ),
    rule('restoring what is there changes nothing', async ({ approvals }) => {
      const { id } = await approve(approvals, 'a')
      const answer = await take(approvals, refOf('c1'), id)
      assert.ok(answer.ok)
      await approvals.restore(refOf('c1'), answer.token)
      await approvals.settle('c1', 'commit', 3)
      await approvals.restore(refOf('c1'), answer.token)
      await approvals.restore(refOf('c2'), answer.token)
      assert.deepEqual(await approvals.unsettled('i1'), [])
      assert.equal((await approvals.get(id))?.usedBy, 'c1')
    }),
    rule('restoring does not approve what nobody approved', async ({ approvals, advance, expiresMs }) => {
      const pending = (await approvals.open(actionOf('a'), [EDIT])).request.id
      const denied = (await approvals.open(actionOf('b'), [EDIT])).request.id
      await approvals.decide(denied, { verdict: 'deny', by: TEST_DECIDER })
      for (const id of [pending, denied]) await approvals.restore(refOf('c1'), id)
      advance(expiresMs)
      await rejects(approvals.decide(pending, { verdict: 'approve', by: TEST_DECIDER }), 'APPROVAL_UNUSABLE')
      await approvals.restore(refOf('c1'), pending)
      assert.deepEqual(await approvals.unsettled('i1'), [])
    }),
  ]
}
