// Names the budgets service: what is used and left; interface and token only.
import { slot } from 'cloned/kernel'

/** One cap and its present window. */
export interface BudgetUsage {
  readonly category: string
  readonly limit: number
  /** Calls in flight included. After a restart that had lost takes it may be over the limit: what ran is counted. */
  readonly used: number
  readonly windowMs: number
  /** Milliseconds since 1970. */
  readonly windowStart: number
  /** Patterns of the tools it is for; absent for all of them. */
  readonly tools?: readonly string[]
}

export interface Budgets {
  /** Every cap of the policy in force. Throws `FILE_INVALID` while the policy cannot be read. */
  usage(): Promise<readonly BudgetUsage[]>
}

export const budgetsSlot = slot<Budgets>('cloned.budgets', { contract: 1 })
