// Words one budget for those who look at it, are warned of it or are refused by it; reads nothing.
import { ClonedError, type TakeAnswer } from 'cloned/kernel'
import { type BudgetUsage, type Cap, type Draw, MILLIONTHS } from 'cloned/plugins/budgets'

/** The subject in the name of a counter: what stands behind the key of its cap. */
export function subjectOf({ key, per }: Cap, counter: string): string | undefined {
  return per === undefined ? undefined : counter.slice(key.length + 1)
}

export function usageOf(cap: Cap, windowStart: number, at: number, millionths: number, subject?: string): BudgetUsage {
  const { category, limit, windowMs, per, tools, warnAt } = cap
  const used = millionths / MILLIONTHS
  const elapsed = at - windowStart
  return {
    category,
    limit,
    used,
    warnAt: warnAt / MILLIONTHS,
    projected: elapsed > 0 ? (used * windowMs) / elapsed : used,
    windowMs,
    windowStart,
    ...(per ? { per } : {}),
    ...(tools ? { tools } : {}),
    ...(subject === undefined ? {} : { subject }),
  }
}

export function exceeded({ cap, window, amount }: Draw, used: number, pack: string): TakeAnswer {
  const { code, message, help } = new ClonedError('BUDGET_EXCEEDED', {
    category: cap.category,
    used: used / MILLIONTHS,
    limit: cap.limit,
    length: `${cap.windowMs / 1_000} s`,
    amount: amount / MILLIONTHS,
    ends: new Date(window + cap.windowMs).toISOString(),
    pack,
  })
  return { ok: false, code, reason: message, help }
}
