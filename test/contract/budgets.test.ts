import { budgetsSlot } from 'cloned/plugins/budgets'
import { budgetLedgerSuite, budgetsSuite, replacementCases } from 'cloned/testing'
import { describe, it } from 'vitest'
import { createLedger } from '../../plugins/budgets/ledger.js'
import { MIGRATIONS } from '../../plugins/budgets/schema.js'
import { builtInAndWrapped } from './implementations.js'

describe.each(builtInAndWrapped(budgetsSlot))('the contract of budgets, kept by %s', (_, composition) => {
  for (const { name, run } of replacementCases({ replaces: 'cloned.budgets', composition, cases: budgetsSuite }))
    it(name, run)
})

describe('the contract of ledgers of budgets, kept by that of cloned.budgets', () => {
  const cases = budgetLedgerSuite(async (store) => {
    await store.migrate('cloned.budgets', MIGRATIONS)
    return createLedger({ store, now: Date.now, gatherMs: 0 })
  })
  for (const { name, run } of cases) it(name, run)
})
