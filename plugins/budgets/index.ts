// Offers the budgets as a plugin: the caps of the policy, taken before a tool call runs and settled after.
import { beforeToolCall, definePlugin, reserveToolCall } from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { policySlot } from '../policy/slot.js'
import { storeSlot } from '../store/slot.js'
import { budgetsCommand } from './command.js'
import { createBudgets } from './create.js'
import { budgetsPart } from './routes.js'
import { MIGRATIONS } from './schema.js'
import { budgetsSlot, onBudgetWarning } from './slot.js'

// Parts for an owner of the slot that counts elsewhere: its own ledger, and what works with any.
export { type BudgetsParts, createBudgetsOn, type GatedBudgets } from './budgets.js'
export { type Cap, type Draw, limitOf } from './caps.js'
export { type BudgetsDeps, createBudgets, type OpenBudgets } from './create.js'
export type { Ledger } from './ledger.js'
export * from './slot.js'

/** A few calls of one agent, one after the other. */
const GATHER_MS = 25

/** Caps per category and window, exact for all processes of a workspace. */
export const budgetsPlugin = definePlugin({
  id: 'cloned.budgets',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Budgets: caps per category and window, taken before a call runs and settled after.',
  requires: { store: storeSlot, policy: policySlot },
  provides: { budgets: budgetsSlot },
  contributes: { commands: commandsCollection, routes: routesCollection },
  taps: [reserveToolCall, beforeToolCall],
  fires: [onBudgetWarning],
  setup({ deps, hooks, onStart, onDrain, now, log }) {
    const { reserve, judge, usage, hurry } = createBudgets({
      store: deps.store,
      policy: deps.policy,
      now,
      gatherMs: GATHER_MS,
      warn(warning) {
        log.warn('a budget has reached its warning threshold', { ...warning })
        hooks.fire(onBudgetWarning, warning)
      },
    })
    hooks.reserve(reserveToolCall, reserve)
    hooks.guard(beforeToolCall, judge)
    onStart(() => deps.store.migrate('cloned.budgets', MIGRATIONS))
    onDrain(() => hurry())
    return { budgets: { usage }, commands: [budgetsCommand({ usage })], routes: [budgetsPart({ usage })] }
  },
})
