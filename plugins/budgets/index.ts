// Offers the budgets as a plugin: the caps of the policy, taken before a tool call runs and settled after.
import { definePlugin, reserveToolCall } from 'cloned/kernel'
import { commandsCollection } from '../cli/slot.js'
import { policySlot } from '../policy/slot.js'
import { storeSlot } from '../store/slot.js'
import { createBudgets } from './budgets.js'
import { budgetsCommand } from './command.js'
import { MIGRATIONS } from './schema.js'
import { budgetsSlot } from './slot.js'

export { type BudgetsDeps, createBudgets } from './budgets.js'
export * from './slot.js'

/** Caps per category and window, exact for all processes of a workspace. */
export const budgetsPlugin = definePlugin({
  id: 'cloned.budgets',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Budgets: caps per category and window, taken before a call runs and settled after.',
  requires: { store: storeSlot, policy: policySlot },
  provides: { budgets: budgetsSlot },
  contributes: { commands: commandsCollection },
  taps: [reserveToolCall],
  setup({ deps, hooks, onStart, now }) {
    const { reserve, usage } = createBudgets({ store: deps.store, policy: deps.policy, now })
    hooks.reserve(reserveToolCall, reserve)
    onStart(() => deps.store.migrate('cloned.budgets', MIGRATIONS))
    return { budgets: { usage }, commands: [budgetsCommand({ usage })] }
  },
})
