// Names the budgets service: what is used and left; interface and token only.
import { slot } from 'cloned/kernel'

/** One cap and its present window. */
export interface BudgetUsage {
  readonly category: string
  readonly limit: number
  readonly used: number
  readonly windowMs: number
  readonly windowStart: number
  readonly tools?: readonly string[]
}

export interface Budgets {
  usage(): Promise<readonly BudgetUsage[]>
}

export const budgetsSlot = slot<Budgets>('cloned.budgets', { contract: 1 })
