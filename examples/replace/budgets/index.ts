// Budgets that keep a book of every call, in the place of the built-in counters; it wires, and counts nothing itself.
import { beforeToolCall, definePlugin, reserveToolCall } from 'cloned/kernel'
import { budgetsSlot, createBudgetsOn, onBudgetWarning } from 'cloned/plugins/budgets'
import { policySlot } from 'cloned/plugins/policy'
import { storeSlot } from 'cloned/plugins/store'
import { openBooks, STEPS } from './books.js'

/** List it, and say so: `replace: { 'cloned.budgets': 'acme.budgets' }`. */
export default definePlugin({
  id: 'acme.budgets',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Budgets that keep what every single call took.',
  requires: { store: storeSlot, policy: policySlot },
  provides: { budgets: budgetsSlot },
  taps: [reserveToolCall, beforeToolCall],
  fires: [onBudgetWarning],
  setup({ deps: { store, policy }, hooks, onStart, now }) {
    const { reserve, judge, usage } = createBudgetsOn({
      ledger: openBooks(store),
      policy,
      now,
      warn: (warning) => hooks.fire(onBudgetWarning, warning),
    })
    hooks.reserve(reserveToolCall, reserve)
    hooks.guard(beforeToolCall, judge)
    onStart(() => store.migrate('acme.budgets', STEPS))
    return { budgets: { usage } }
  },
})
