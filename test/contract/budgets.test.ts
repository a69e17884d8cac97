import { budgetsSlot } from 'cloned/plugins/budgets'
import { budgetsSuite, replacementCases } from 'cloned/testing'
import { describe, it } from 'vitest'
import { builtInAndWrapped } from './implementations.js'

describe.each(builtInAndWrapped(budgetsSlot))('the contract of budgets, kept by %s', (_, composition) => {
  for (const { name, run } of replacementCases({ replaces: 'cloned.budgets', composition, cases: budgetsSuite }))
    it(name, run)
})
