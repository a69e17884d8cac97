// The rules of approvals for several processes of one workspace, as cases; what one of them was told holds in all.
import assert from 'node:assert/strict'
import type { Approvals } from '../contracts.js'
import {
  type ApprovalsFixture,
  actionOf,
  approve,
  EDIT,
  RACERS,
  type Rule,
  refOf,
  TEST_DECIDER,
  take,
} from './approvals-fixture.js'
import type { ContractCase } from './case.js'

/** They hold for approvals that more than one process can have, and say nothing of others. */
export function processRules(rule: Rule): ContractCase[] {
  const both = (name: string, check: (here: Approvals, there: Approvals, fixture: ApprovalsFixture) => Promise<void>) =>
    rule(name, async (fixture) => {
      const there = await fixture.beside?.()
      if (there) await check(fixture.approvals, there, fixture)
    })
  const race = <T>(work: (nth: number) => Promise<T>) =>
    Promise.allSettled(Array.from({ length: RACERS }, (_, i) => work(i)))
  return [
    both('another process finds what was asked, decided, used and settled', async (here, there) => {
      const { request } = await here.open(actionOf('a'), [EDIT])
      assert.deepEqual(await there.get(request.id), request)
      assert.equal((await there.open(actionOf('a'), [EDIT])).request.id, request.id)
      const decided = await here.decide(request.id, { verdict: 'approve', by: TEST_DECIDER, reason: 'yes' })
      assert.deepEqual(await there.get(request.id), decided.request)
      assert.equal((await there.match(request.action.digest, [EDIT]))?.id, request.id)
      assert.equal((await take(here, refOf('c1'), request.id)).ok, true)
      assert.equal((await take(there, refOf('c2'), request.id)).ok, false)
      assert.deepEqual(await there.unsettled('i1'), ['c1'])
      await there.settle('c1', 'commit', 5)
      assert.deepEqual([await here.settledUpTo('i1'), await here.unsettled('i1')], [5, []])
      assert.equal((await here.get(request.id))?.usedBy, 'c1')
    }),
    both('what one process gives back another one uses', async (here, there) => {
      const { id } = await approve(here, 'a')
      await take(here, refOf('c1'), id)
      await here.settle('c1', 'release')
      assert.equal((await take(there, refOf('c2'), id)).ok, true)
      assert.equal((await take(here, refOf('c3'), id)).ok, false)
    }),
    both('of what processes ask, decide and take at one moment one counts', async (here, there) => {
      const at = (nth: number) => (nth % 2 === 0 ? here : there)
      const opened = await Promise.all(Array.from({ length: RACERS }, (_, i) => at(i).open(actionOf('a'), [EDIT])))
      const [id = '', ...more] = new Set(opened.map(({ request }) => request.id))
      assert.deepEqual(more, [])
      assert.equal(opened.filter(({ created }) => created).length, 1)
      const decided = await race((nth) => at(nth).decide(id, { verdict: 'approve', by: TEST_DECIDER }))
      assert.equal(decided.filter(({ status }) => status === 'fulfilled').length, 1)
      const taken = await race((nth) => take(at(nth), refOf(`c${nth}`), id))
      assert.equal(taken.filter((answer) => answer.status === 'fulfilled' && answer.value.ok).length, 1)
    }),
  ]
}
