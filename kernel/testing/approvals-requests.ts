// The rules of approvals for opening, covering and deciding, as cases; one table or one case for each rule.
import assert from 'node:assert/strict'
import type { AskShown, StoredRecord } from '../contracts.js'
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

/** Requests are opened once and found again. */
export function requestRules(rule: Rule): ContractCase[] {
  return [
    rule('a request that nobody decided is pending and cannot be used', async ({ approvals }) => {
      const { request, created } = await approvals.open(actionOf('a'), [EDIT])
      assert.equal(created, true)
      assert.equal(request.state, 'pending')
      assert.deepEqual(request.action, actionOf('a'))
      assert.deepEqual(request.asks, [EDIT])
      assert.equal(await approvals.match(request.action.digest, [EDIT]), undefined)
      assert.equal((await take(approvals, refOf('c1'), request.id)).ok, false)
      assert.deepEqual(await approvals.get(request.id), request)
    }),
    rule('identical requests opened at one moment are one request', async ({ approvals }) => {
      const opened = await Promise.all(Array.from({ length: RACERS }, () => approvals.open(actionOf('a'), [EDIT])))
      assert.equal(new Set(opened.map(({ request }) => request.id)).size, 1)
      assert.equal(opened.filter(({ created }) => created).length, 1)
      assert.equal((await approvals.list()).length, 1)
    }),
    rule('order and wording of the asks do not make another request', async ({ approvals }) => {
      const first = await approvals.open(actionOf('a'), [EDIT, SPEND])
      const again = await approvals.open(actionOf('a'), [{ ...SPEND, reason: 'other words' }, EDIT])
      assert.equal(again.request.id, first.request.id)
      assert.equal(again.created, false)
    }),
    rule('another action, another ask, or a decided request opens a request of its own', async ({ approvals }) => {
      const first = await approvals.open(actionOf('a'), [EDIT])
      const others = [await approvals.open(actionOf('b'), [EDIT]), await approvals.open(actionOf('a'), [EDIT, SPEND])]
      await approvals.decide(first.request.id, { verdict: 'deny', by: TEST_DECIDER })
      others.push(await approvals.open(actionOf('a'), [EDIT]))
      assert.deepEqual(
        others.map(({ created }) => created),
        [true, true, true],
      )
    }),
    rule('requests are listed newest first and by state', async ({ approvals, advance }) => {
      const ids: string[] = []
      for (const name of ['a', 'b', 'c']) {
        ids.unshift((await approvals.open(actionOf(name), [EDIT])).request.id)
        advance(1)
      }
      assert.deepEqual(
        (await approvals.list()).map(({ id }) => id),
        ids,
      )
      await approvals.decide(ids[1] ?? '', { verdict: 'approve', by: TEST_DECIDER })
      assert.deepEqual(
        (await approvals.list({ state: 'pending' })).map(({ id }) => id),
        [ids[0], ids[2]],
      )
      assert.deepEqual(
        (await approvals.list({ state: 'approved' })).map(({ id }) => id),
        [ids[1]],
      )
    }),
    rule('an unknown id is not found, not taken and not decided', async ({ approvals }) => {
      assert.equal(await approvals.get('ap_none'), undefined)
      assert.equal((await take(approvals, refOf('c1'), 'ap_none')).ok, false)
      await rejects(approvals.decide('ap_none', { verdict: 'approve', by: TEST_DECIDER }), 'APPROVAL_UNKNOWN')
    }),
  ]
}

/** An approval covers what was shown, and nothing else. */
export function coverRules(rule: Rule): ContractCase[] {
  const rows: readonly [name: string, asked: readonly AskShown[], covered: boolean][] = [
    ['the asks that were shown', [EDIT, SPEND], true],
    ['some of the asks that were shown', [SPEND], true],
    ['an ask in other words', [{ ...EDIT, reason: 'other words' }], true],
    ['no ask at all', [], true],
    ['an ask with a key that was not shown', [EDIT, { ...EDIT, key: 'delete' }], false],
    ['the key of an ask from another plugin', [{ ...EDIT, plugin: SPEND.plugin }], false],
  ]
  return rows.map(([name, asked, covered]) =>
    rule(`an approval ${covered ? 'covers' : 'does not cover'} ${name}`, async ({ approvals }) => {
      const approved = await approve(approvals, 'a', [EDIT, SPEND])
      assert.equal((await approvals.match(approved.action.digest, asked))?.id, covered ? approved.id : undefined)
      assert.equal(await approvals.match(actionOf('b').digest, asked), undefined)
    }),
  )
}

/** A request is decided once. */
export function decisionRules(rule: Rule): ContractCase[] {
  return [
    rule('a decision keeps who, when and why', async ({ approvals }) => {
      const { request } = await approvals.open(actionOf('a'), [EDIT])
      const decided = await approvals.decide(request.id, { verdict: 'deny', by: TEST_DECIDER, reason: 'no' })
      assert.equal(decided.outcome, undefined)
      assert.equal(decided.request.state, 'denied')
      assert.equal(decided.request.decidedBy?.id, TEST_DECIDER.id)
      assert.equal(decided.request.decidedAt, request.createdAt)
      assert.equal(decided.request.reason, 'no')
      assert.deepEqual(await approvals.get(request.id), decided.request)
    }),
    rule(
      'a decision stands in the audit log when it is answered, with its verdict and who gave it',
      async ({ approvals, audit }) => {
        if (!audit) return
        for (const verdict of ['approve', 'deny'] as const) {
          const { request } = await approvals.open(actionOf(verdict), [EDIT])
          await approvals.decide(request.id, { verdict, by: TEST_DECIDER })
          const found: readonly StoredRecord[] = await audit.find(request.id)
          const decided = found.filter(({ record }) => record['type'] === 'approval.decided')
          assert.deepEqual(
            decided.map(({ record }) => [record['verdict'], (record['by'] as { id?: unknown } | undefined)?.id]),
            [[verdict, TEST_DECIDER.id]],
          )
        }
      },
    ),
    rule(
      'every decision is heard of, and what was refused is not',
      async ({ approvals, heard, advance, expiresMs }) => {
        if (!heard) return
        for (const verdict of ['approve', 'deny'] as const) {
          const { request } = await approvals.open(actionOf(verdict), [EDIT])
          await approvals.decide(request.id, { verdict, by: TEST_DECIDER })
        }
        const { request } = await approvals.open(actionOf('late'), [EDIT])
        advance(expiresMs)
        await rejects(approvals.decide(request.id, { verdict: 'approve', by: TEST_DECIDER }), 'APPROVAL_UNUSABLE')
        assert.deepEqual(
          heard.map(({ state }) => state),
          ['approved', 'denied'],
        )
      },
    ),
    rule('a denied request cannot be used', async ({ approvals }) => {
      const { request } = await approvals.open(actionOf('a'), [EDIT])
      await approvals.decide(request.id, { verdict: 'deny', by: TEST_DECIDER })
      assert.equal(await approvals.match(request.action.digest, [EDIT]), undefined)
      assert.equal((await take(approvals, refOf('c1'), request.id)).ok, false)
    }),
    rule('a decision that says it was signed, and was not, decides nothing', async ({ approvals }) => {
      const { request } = await approvals.open(actionOf('a'), [EDIT])
      await assert.rejects(approvals.decide(request.id, { verdict: 'approve', by: TEST_DECIDER, signed: 'e30.e30.' }))
      assert.equal((await approvals.get(request.id))?.state, 'pending')
      assert.equal((await take(approvals, refOf('c1'), request.id)).ok, false)
    }),
    rule('whoever approves another input has not approved the one that was asked for', async ({ approvals }) => {
      const { request } = await approvals.open(actionOf('a'), [EDIT])
      const edited = approvals.decide(request.id, { verdict: 'approve', by: TEST_DECIDER, edit: { name: 'other' } })
      await edited.catch(() => 'edits are refused, or this one')
      assert.equal(await approvals.match(request.action.digest, [EDIT]), undefined)
      assert.equal((await take(approvals, refOf('c1'), request.id)).ok, false)
    }),
    rule('a request is decided once, whoever is first', async ({ approvals }) => {
      const { request } = await approvals.open(actionOf('a'), [EDIT])
      const decisions = await Promise.allSettled(
        Array.from({ length: RACERS }, (_, i) =>
          approvals.decide(request.id, { verdict: i % 2 === 0 ? 'approve' : 'deny', by: TEST_DECIDER }),
        ),
      )
      const won = decisions.filter((decision) => decision.status === 'fulfilled')
      assert.equal(won.length, 1)
      assert.equal((await approvals.get(request.id))?.state, won[0]?.value.request.state)
      await rejects(approvals.decide(request.id, { verdict: 'approve', by: TEST_DECIDER }), 'APPROVAL_UNUSABLE')
    }),
  ]
}
