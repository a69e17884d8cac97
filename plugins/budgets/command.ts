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
    const { category, used, limit, warnAt, projected, windowMs, windowStart } = budget
    const colour = used >= limit ? paint.red : used >= warnAt ? paint.yellow : paint.green
    return [
      category,
      whom(budget),
      colour(bar(budget)),
      `${used} of ${limit}`,
      projected > limit ? paint.yellow(`${projected}`) : `${projected}`,
      durationOf(windowMs),
      new Date(windowStart + windowMs).toISOString(),
    ]
  })
  return table(['budget', 'for', '', 'used', 'at this rate', 'window', 'window ends'], rows)
}

function whom({ tools, per, subject }: BudgetUsage): string {
  return [tools?.join(', ') ?? 'all tools', ...(per === undefined ? [] : [subject ?? `each ${per}`])].join(', ')
}

/** A budget as a document, keys in snake case. */
export function jsonOf({
  category,
  limit,
  used,
  warnAt,
  projected,
  windowMs,
  windowStart,
  per,
  subject,
  tools,
}: BudgetUsage): JsonObject {
  return {
    category,
    per: per ?? 'workspace',
    ...(subject === undefined ? {} : { subject }),
    ...(tools ? { tools } : {}),
    limit,
    warn_at: warnAt,
    used,
    projected,
    window_ms: windowMs,
    window_start: new Date(windowStart).toISOString(),
    window_end: new Date(windowStart + windowMs).toISOString(),
  }
}
