// Names the budgets service and the moment of a warning: what is used and left; interface and tokens only.
import { defineHook, slot } from 'cloned/kernel'

/** One counter and its present window. */
export interface BudgetUsage {
  readonly category: string
  readonly limit: number
  /** Calls in flight included. After a restart that had lost takes it may be over the limit: what ran is counted. */
  readonly used: number
  /** From here on its use is a warning. */
  readonly warnAt: number
  /** What will be used at the end of the window if it goes on as it did from its start; may be over the limit. */
  readonly projected: number
  readonly windowMs: number
  /** Milliseconds since 1970. */
  readonly windowStart: number
  /** What has counters of its own; absent when all calls together have one. */
  readonly per?: 'actor' | 'run' | 'connector'
  /** Whose counter it is: an actor, `claims of <user>`, `runs of <user>`, a run or a connector. Absent while none has used anything. */
  readonly subject?: string
  /** Patterns of the tools it is for; absent for all of them. */
  readonly tools?: readonly string[]
}

export interface Budgets {
  /**
   * Every cap of the policy in force; with `per` one entry for each of the 100 counters that used most. Throws `FILE_INVALID`
   * while the policy cannot be read.
   */
  usage(): Promise<readonly BudgetUsage[]>
}

/** Contract 1: the cap and what is used of it, and nothing about warnings. */
interface Budgets1 {
  usage(): Promise<readonly Omit<BudgetUsage, 'warnAt' | 'projected' | 'per' | 'subject'>[]>
}

export const budgetsSlot = slot<Budgets>('cloned.budgets', {
  contract: 2,
  previous: {
    up: (before: Budgets1): Budgets => ({
      usage: async () => (await before.usage()).map((one) => ({ ...one, warnAt: one.limit, projected: one.used })),
    }),
    down: (now): Budgets1 => now,
  },
})

/** What was taken has reached the warning threshold of a budget. */
export interface BudgetWarning
  extends Pick<BudgetUsage, 'category' | 'limit' | 'used' | 'warnAt' | 'windowMs' | 'windowStart'> {
  readonly callId: string
  readonly tool: string
  readonly subject?: string
}

/** Hears of a call that took a budget to its warning threshold or over it; once each time, in one of all processes. */
export const onBudgetWarning = defineHook.observe<BudgetWarning, 'onBudgetWarning'>('onBudgetWarning')
