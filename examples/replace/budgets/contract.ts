// Says what the budgets replace; the suite reaches them through the gate of a real workspace.
import { budgetsSuite, type Replacement } from 'cloned/testing'
import acmeBudgets from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.budgets',
  composition: { plugins: [acmeBudgets], replace: { 'cloned.budgets': 'acme.budgets' } },
  cases: budgetsSuite,
}
export default replacement
