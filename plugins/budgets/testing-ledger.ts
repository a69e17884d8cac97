// The rules that every ledger of budgets keeps, as cases for any test runner; must never rely on how one counts.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStore } from 'cloned/plugins/store'
import { type ContractCase, contractCase } from 'cloned/testing'
import type { Store } from '../store/slot.js'
import type { Draw } from './caps.js'
import type { Ledger } from './ledger.js'

/** Makes a ledger on a store, as one process has it; what several make on stores of one file is one ledger. */
export type MakeBudgetLedger = (store: Store) => Promise<Ledger>

const WINDOW = 1_800_000_000_000
const RACERS = 20
const call = (callId: string, instance = 'i1') => ({ callId, instance })

/** The contract of the ledgers that `createBudgetsOn` works with. */
export function budgetLedgerSuite(make: MakeBudgetLedger): readonly ContractCase[] {
  const rule = (name: string, check: (here: Ledger, there: Ledger) => Promise<void>) =>
    contractCase(
      name,
      () => open(make),
      ({ here, there }) => check(here, there),
    )
  return [
    rule('a counter takes up to its limit and not one millionth more', async (here) => {
      assert.equal(await here.take(call('c1'), [draw('a', 11, 10)]), undefined)
      assert.ok(await here.take(call('c2'), [draw('a', 9, 10)]))
      assert.equal(await here.take(call('c3'), [draw('a', 2, 10)]), undefined)
      assert.deepEqual((await here.take(call('c4'), [draw('a', 1, 10)]))?.used, [10])
      assert.equal(await here.used('a', WINDOW), 10)
    }),
    rule('what does not fit into one counter is taken from none', async (here) => {
      await here.take(call('c1'), [draw('b', 5, 5)])
      assert.equal(await here.take(call('c2'), [draw('a', 1, 5), draw('b', 1, 5)]), undefined)
      assert.equal(await here.used('a', WINDOW), 0)
      assert.equal(await here.taken('c2'), undefined)
    }),
    rule('every window and every counter is counted by itself', async (here) => {
      await here.take(call('c1'), [draw('a', 5, 5)])
      assert.ok(await here.take(call('c2'), [{ ...draw('a', 5, 5), window: WINDOW + 1 }, draw('ab', 5, 5)]))
      assert.deepEqual([await here.used('a', WINDOW), await here.used('a', WINDOW + 1)], [5, 5])
      assert.deepEqual(await here.counters('a', WINDOW + 1), [{ counter: 'a', used: 5 }])
      assert.deepEqual(await here.counters('ab', WINDOW), [{ counter: 'ab', used: 5 }])
    }),
    rule('calls at one moment, of two processes, never take more than there is', async (here, there) => {
      const takes = Array.from({ length: RACERS }, (_, i) =>
        (i % 2 === 0 ? here : there).take(call(`c${i}`), [draw('a', 1, 7)]),
      )
      assert.equal((await Promise.all(takes)).filter((taken) => taken !== undefined).length, 7)
      assert.deepEqual([await here.used('a', WINDOW), await there.used('a', WINDOW)], [7, 7])
    }),
    rule('a call takes once, and can say what it took until it is settled', async (here, there) => {
      const first = await here.take(call('c1'), [draw('a', 2, 10)])
      assert.equal(await there.take(call('c1'), [draw('a', 2, 10)]), undefined)
      assert.deepEqual(await there.taken('c1'), { token: first?.token, open: true })
      await here.settle('c1', 'commit', 4)
      assert.equal((await there.taken('c1'))?.open, false)
      assert.equal(await here.take(call('c1'), [draw('a', 2, 10)]), undefined)
      assert.equal(await here.used('a', WINDOW), 2)
    }),
    ...(['commit', 'release'] as const).map((how) =>
      rule(`a ${how} counts once, whatever comes after it`, async (here, there) => {
        await here.take(call('c0'), [draw('a', 3, 10)])
        await here.take(call('c1'), [draw('a', 2, 10)])
        await here.settle('c1', how, 4)
        for (const again of ['release', 'commit', 'release'] as const) await there.settle('c1', again, 4)
        assert.equal(await here.used('a', WINDOW), how === 'commit' ? 5 : 3)
        assert.deepEqual(await there.unsettled('i1'), ['c0'])
      }),
    ),
    rule('a take that comes after its release takes nothing', async (here) => {
      await here.settle('c1', 'release')
      assert.equal(await here.take(call('c1'), [draw('a', 2, 10)]), undefined)
      assert.equal(await here.used('a', WINDOW), 0)
    }),
    rule('unsettled takes and the settled mark are kept by kernel instance', async (here, there) => {
      for (const [id, instance] of Object.entries({ c1: 'i1', c2: 'i1', c3: 'i2' }))
        await here.take(call(id, instance), [draw('a', 1, 10)])
      await there.settle('c2', 'commit', 12)
      await there.settle('c1', 'release', 11)
      assert.deepEqual([await here.unsettled('i1'), await here.unsettled('i2')], [[], ['c3']])
      assert.deepEqual([await here.settledUpTo('i1'), await here.settledUpTo('i2')], [12, 0])
    }),
    rule('a take that a crash has lost is counted again from its token, once, limit or not', async (here, there) => {
      const token = (await here.take(call('c1'), [draw('a', 8, 10)]))?.token ?? null
      await here.settle('c1', 'commit', 2)
      // As after a power cut: the intent is in the log, the take is not in the store.
      for (const ledger of [here, there, here]) await ledger.restore(call('c9', 'i9'), token)
      assert.equal(await here.used('a', WINDOW), 16)
      assert.deepEqual(await here.unsettled('i9'), ['c9'])
      await here.restore(call('c1'), token)
      assert.equal(await here.used('a', WINDOW), 16)
      await here.settle('c9', 'release', 3)
      assert.equal(await here.used('a', WINDOW), 8)
    }),
  ]
}

/** Millionths of a counter with a limit in millionths. */
function draw(counter: string, amount: number, limit: number): Draw {
  const cap = {
    category: 'calls',
    limit: limit / 1_000_000,
    windowMs: 1,
    key: counter,
    warnAt: limit,
    covers: () => true,
  }
  return { cap, counter, window: WINDOW, amount }
}

async function open(make: MakeBudgetLedger) {
  const directory = mkdtempSync(join(tmpdir(), 'cloned-budget-ledger-'))
  const stores = [0, 1].map(() => createStore({ path: join(directory, 'state.db'), now: Date.now }))
  const close = async () => {
    for (const store of stores) await store.close()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const ledgers: Ledger[] = []
    for (const store of stores) {
      await store.open()
      ledgers.push(await make(store))
    }
    const [here, there] = ledgers
    assert.ok(here && there)
    return { here, there, close }
  } catch (error) {
    await close()
    throw error
  }
}
