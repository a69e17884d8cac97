// Says what these budgets replace, so that the suites of budgets and of their ledgers run on them.
import { budgetLedgerSuite, budgetsSuite, type Replacement } from 'cloned/testing'
import { openBooks, STEPS } from './books.js'
import acmeBudgets from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.budgets',
  composition: { plugins: [acmeBudgets], replace: { 'cloned.budgets': 'acme.budgets' } },
  cases: (open) => [
    ...budgetsSuite(open),
    ...budgetLedgerSuite(async (store) => {
      await store.migrate('acme.budgets', STEPS)
      return openBooks(store)
    }),
  ],
}
export default replacement
