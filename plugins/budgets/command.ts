// Shows what is used and left of each budget; reads only.
import type { JsonObject } from 'cloned/kernel'
import type { Command, CommandContext } from '../cli/slot.js'
import { durationOf } from './duration.js'
import type { Budgets, BudgetUsage } from './slot.js'

const BAR = 20

/** The command `budgets`. */
export function budgetsCommand(budgets: Budgets): Command {
  return {
    name: 'budgets',
    summary: 'Show what is used and left of each budget in its present window',
    examples: ['cloned budgets', 'cloned budgets --json'],
    needs: 'workspace',
    async run(ctx) {
      const usage = await budgets.usage()
      return {
        json: { budgets: usage.map(jsonOf) },
        text: usage.length === 0 ? 'The policy sets no budgets.' : table(usage, ctx),
      }
    },
  }
}

/** How full a budget is, 20 characters wide; any use shows, and only a full budget looks full. */
export function bar({ used, limit }: Pick<BudgetUsage, 'used' | 'limit'>): string {
  if (used >= limit) return '█'.repeat(BAR)
  const filled = used <= 0 ? 0 : Math.min(BAR - 1, Math.max(1, Math.round((used / limit) * BAR)))
  return '█'.repeat(filled) + '░'.repeat(BAR - filled)
}

function table(usage: readonly BudgetUsage[], { table, paint }: CommandContext): string {
  const rows = usage.map((budget) => {
    const colour =
      budget.used >= budget.limit ? paint.red : budget.used >= budget.limit * 0.8 ? paint.yellow : paint.green
    return [
      budget.category,
      budget.tools?.join(', ') ?? 'all tools',
      colour(bar(budget)),
      `${budget.used} of ${budget.limit}`,
      durationOf(budget.windowMs),
      new Date(budget.windowStart + budget.windowMs).toISOString(),
    ]
  })
  return table(['budget', 'for', '', 'used', 'window', 'window ends'], rows)
}

function jsonOf({ category, limit, used, windowMs, windowStart, tools }: BudgetUsage): JsonObject {
  return {
    category,
    ...(tools ? { tools } : {}),
    limit,
    used,
    window_ms: windowMs,
    window_start: new Date(windowStart).toISOString(),
    window_end: new Date(windowStart + windowMs).toISOString(),
  }
}
