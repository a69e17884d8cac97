// The rules of approvals for who may decide, as cases; whom a policy lets decide it says itself, in every case anew.
import assert from 'node:assert/strict'
import type { Decision } from '../contracts.js'
import {
  actionOf,
  type DeciderRules,
  EDIT,
  type Rule,
  refOf,
  rejects,
  TEST_DECIDER,
  TEST_REQUESTER,
  take,
} from './approvals-fixture.js'
import type { ContractCase } from './case.js'

const STRANGER = Object.freeze({ id: 'user:stranger', claimed: false, osUser: 'stranger' })

/** A name is not a person, and not every person may decide. */
export function deciderRules(rule: Rule): ContractCase[] {
  type Speaker = Pick<Decision, 'by' | 'proven'>
  const refused: readonly [who: string, rules: DeciderRules, speaker: Speaker][] = [
    ['whoever asked, where somebody else must', { selfDecision: false }, { by: TEST_REQUESTER, proven: true }],
    ['somebody whom the policy does not list', { approvers: ['decider'] }, { by: STRANGER, proven: true }],
    ['the user of the process under a listed name', { approvers: ['stranger'] }, { by: STRANGER }],
  ]
  return [
    rule('who decides is who was authenticated, else the user of the process, not who is named', async (fixture) => {
      for (const [name, speaker, osUser] of [
        ['a', { by: STRANGER }, TEST_DECIDER.osUser],
        ['b', { by: STRANGER, proven: true }, STRANGER.osUser],
      ] as const) {
        const { request } = await fixture.approvals.open(actionOf(name), [EDIT])
        const decided = await fixture.approvals.decide(request.id, { verdict: 'approve', ...speaker })
        assert.equal(decided.request.decidedBy?.osUser, osUser)
      }
    }),
    ...refused.map(([who, rules, speaker]) =>
      rule(`nothing is decided by ${who}`, async ({ approvals, govern }) => {
        if (!govern) return
        await govern(rules)
        const { request } = await approvals.open(actionOf('a'), [EDIT])
        for (const verdict of ['approve', 'deny'] as const)
          await rejects(approvals.decide(request.id, { verdict, ...speaker }), 'APPROVER_REFUSED')
        assert.equal((await approvals.get(request.id))?.state, 'pending')
        assert.equal((await take(approvals, refOf('c1'), request.id)).ok, false)
      }),
    ),
    rule('an approver of the policy decides for others', async ({ approvals, govern }) => {
      if (!govern) return
      await govern({ selfDecision: false, approvers: [TEST_DECIDER.osUser] })
      const { request } = await approvals.open(actionOf('a'), [EDIT])
      const decided = await approvals.decide(request.id, { verdict: 'approve', by: TEST_DECIDER })
      assert.equal(decided.request.state, 'approved')
    }),
    rule('where two must agree one is not enough, however often', async ({ approvals, govern }) => {
      if (!govern) return
      await govern({ quorum: 2 })
      const { request } = await approvals.open(actionOf('a'), [EDIT])
      // Approvals that cannot count to two refuse every word.
      for (let n = 0; n < 3; n++)
        await approvals.decide(request.id, { verdict: 'approve', by: TEST_DECIDER }).catch(() => undefined)
      assert.equal((await approvals.get(request.id))?.state, 'pending')
      assert.equal(await approvals.match(request.action.digest, [EDIT]), undefined)
      assert.equal((await take(approvals, refOf('c1'), request.id)).ok, false)
    }),
    rule('no more requests of one actor wait than the policy lets', async ({ approvals, govern }) => {
      if (!govern) return
      await govern({ maxPending: 2 })
      const { request } = await approvals.open(actionOf('a'), [EDIT])
      await approvals.open(actionOf('b'), [EDIT])
      await rejects(approvals.open(actionOf('c'), [EDIT]), 'APPROVALS_FULL')
      await approvals.open(actionOf('b'), [EDIT])
      const other = { ...actionOf('d'), actor: { ...TEST_REQUESTER, id: 'agent:other' } }
      assert.equal((await approvals.open(other, [EDIT])).created, true)
      await approvals.decide(request.id, { verdict: 'deny', by: TEST_DECIDER })
      assert.equal((await approvals.open(actionOf('c'), [EDIT])).created, true)
    }),
  ]
}
