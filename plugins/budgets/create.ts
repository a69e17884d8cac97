// Puts the budgets of a workspace together over its store; decides nothing itself.
import type { Store } from '../store/slot.js'
import { type BudgetsParts, createBudgetsOn, type GatedBudgets } from './budgets.js'
import { createLedger } from './ledger.js'

/** What {@link createBudgets} works with. The tables of the plugin must exist before the first call. */
export interface BudgetsDeps extends Omit<BudgetsParts, 'ledger'> {
  readonly store: Pick<Store, 'all' | 'write'>
  /**
   * How long the settlement of a paid call may wait for others, to be written with them, milliseconds. Nothing is lost with
   * a process that dies meanwhile: the log has the outcome. Default: 0.
   */
  readonly gatherMs?: number
}

/** The budgets that count in a store. */
export interface OpenBudgets extends GatedBudgets {
  /** Settlements wait for no others from here on: whoever stops waits for them. */
  hurry(): void
}

/** Makes the budgets of one workspace. Any number of processes may have one on the same store. */
export function createBudgets({ store, gatherMs = 0, ...parts }: BudgetsDeps): OpenBudgets {
  const ledger = createLedger({ store, now: parts.now, gatherMs })
  return { ...createBudgetsOn({ ledger, ...parts }), hurry: ledger.hurry }
}
