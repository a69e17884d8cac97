// Decides whether a tool call fits into the budgets of the policy; must never take from one cap and not from another.
import { type Ask, ask, ClonedError, type Reserve, type TakeAnswer, type TakeRef, type ToolCall } from 'cloned/kernel'
import type { Policy, PolicySnapshot } from '../policy/slot.js'
import { type Cap, capsOf, type Draw, drawsOf, limitOf, MILLIONTHS, OF, unknownCosts, windowStart } from './caps.js'
import { durationOf } from './duration.js'
import type { Ledger } from './ledger.js'
import type { Budgets, BudgetUsage, BudgetWarning } from './slot.js'
import { tokenOf } from './token.js'

// Between a refused take and the look at why, another call may have given back; then it is tried again.
const ATTEMPTS = 3

/** What {@link createBudgetsOn} works with. */
export interface BudgetsParts {
  /** Where is counted what calls take. */
  readonly ledger: Ledger
  readonly policy: Pick<Policy, 'snapshot'>
  readonly now: () => number
  /** Told once by the call that took a budget to its warning threshold. */
  readonly warn?: (warning: BudgetWarning) => void
}

/** The budgets, as the gate meets them. */
export interface GatedBudgets extends Budgets {
  /** For `hooks.reserve(reserveToolCall, …)`. */
  readonly reserve: Reserve<ToolCall>
  /** For `hooks.guard(beforeToolCall, …)`. Asks a person about a call whose cost in a capped category is unknown. */
  judge(call: ToolCall): Ask | undefined
}

/** Makes the budgets of one workspace over any ledger: which caps a call falls under, what it costs there, and how it is told. */
export function createBudgetsOn({ ledger, policy, now, warn = () => {} }: BudgetsParts): GatedBudgets {
  const currentCaps = cached(capsOf)

  /** The first cap that has no room for its draw. */
  const refusal = async (draws: readonly Draw[], pack: string): Promise<TakeAnswer | undefined> => {
    for (const draw of draws) {
      const used = await ledger.used(draw.counter, draw.window)
      if (used + draw.amount > limitOf(draw.cap)) return exceeded(draw, used, pack)
    }
    return undefined
  }

  const plan = (call: ToolCall): { readonly draws: readonly Draw[]; readonly pack: string } => {
    const snapshot = policy.snapshot()
    return { draws: drawsOf(currentCaps(snapshot), call, now()), pack: snapshot.pack }
  }

  const reserve: Reserve<ToolCall> = {
    async peek(call) {
      const { draws, pack } = plan(call)
      if (draws.length === 0) return { ok: true, token: null }
      return (await refusal(draws, pack)) ?? { ok: true, token: tokenOf(draws) }
    },

    async take(ref, call) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const { draws, pack } = plan(call)
        if (draws.length === 0) return { ok: true, token: null }
        const taken = await ledger.take(ref, draws)
        if (taken) {
          for (const [i, draw] of draws.entries())
            if (crosses(draw, taken.used[i] ?? 0)) warn(warningOf(ref, call, draw, taken.used[i] ?? 0))
          return { ok: true, token: taken.token }
        }
        const earlier = await ledger.taken(ref.callId)
        if (earlier?.open) return { ok: true, token: earlier.token }
        if (earlier) return { ok: false, reason: 'the budgets of this call are settled already' }
        const refused = await refusal(draws, pack)
        if (refused) return refused
      }
      return {
        ok: false,
        reason: 'other calls take and give back faster than this one can',
        help: 'Make the call again.',
      }
    },

    settle: ledger.settle,
    unsettled: ledger.unsettled,
    settledUpTo: ledger.settledUpTo,
    restore: ledger.restore,
  }

  const usageOf = async (cap: Cap, at: number): Promise<readonly BudgetUsage[]> => {
    const start = windowStart(cap, at)
    if (cap.per === undefined) return [usageIn(cap, start, at, await ledger.used(cap.key, start))]
    const prefix = cap.key + OF
    const counters = await ledger.counters(prefix, start)
    if (counters.length === 0) return [usageIn(cap, start, at, 0)]
    return counters.map(({ counter, used }) => usageIn(cap, start, at, used, counter.slice(prefix.length)))
  }

  return {
    reserve,
    judge(call) {
      const [category] = unknownCosts(currentCaps(policy.snapshot()), call)
      if (category === undefined) return undefined
      return ask(
        `what it costs in "${category}" cannot be known before, and a budget is kept of that`,
        `unknown ${category}`,
      )
    },
    async usage() {
      const at = now()
      return (await Promise.all(currentCaps(policy.snapshot()).map((cap) => usageOf(cap, at)))).flat()
    },
  }
}

/** One counter as it is shown: `millionths` used of the window that began at `start`. */
function usageIn(cap: Cap, start: number, at: number, millionths: number, subject?: string): BudgetUsage {
  const { category, limit, windowMs, per, tools } = cap
  const used = millionths / MILLIONTHS
  const elapsed = at - start
  return {
    category,
    limit,
    used,
    warnAt: cap.warnAt / MILLIONTHS,
    projected: elapsed <= 0 ? used : Math.round((millionths * windowMs) / elapsed) / MILLIONTHS,
    windowMs,
    windowStart: start,
    ...(per ? { per } : {}),
    ...(subject === undefined ? {} : { subject }),
    ...(tools ? { tools } : {}),
  }
}

/** Whether this very draw took the counter from below the threshold to it. Takes are one after the other, so only one does. */
function crosses({ cap, amount }: Draw, used: number): boolean {
  return used >= cap.warnAt && used - amount < cap.warnAt
}

/** What is told of a draw that {@link crosses}. */
function warningOf(
  { callId }: TakeRef,
  { target }: ToolCall,
  { cap, counter, window }: Draw,
  used: number,
): BudgetWarning {
  const { category, limit, windowMs, per, key, warnAt } = cap
  return {
    callId,
    tool: target,
    category,
    limit,
    used: used / MILLIONTHS,
    warnAt: warnAt / MILLIONTHS,
    windowMs,
    windowStart: window,
    ...(per === undefined ? {} : { subject: counter.slice(key.length + OF.length) }),
  }
}

/** The refusal of a draw for which there is no room in the policy of `pack`. */
function exceeded({ cap, window, amount }: Draw, used: number, pack: string): TakeAnswer {
  const { code, message, help } = new ClonedError('BUDGET_EXCEEDED', {
    category: cap.category,
    used: used / MILLIONTHS,
    limit: cap.limit,
    length: durationOf(cap.windowMs),
    amount: amount / MILLIONTHS,
    ends: new Date(window + cap.windowMs).toISOString(),
    pack,
  })
  // Whoever reports the refusal makes it part of a sentence.
  return { ok: false, code, reason: message.replace(/\.$/, ''), help }
}

// One snapshot is in force for many calls, and it never changes.
function cached(compute: (snapshot: PolicySnapshot) => readonly Cap[]): (snapshot: PolicySnapshot) => readonly Cap[] {
  let last: { readonly snapshot: PolicySnapshot; readonly caps: readonly Cap[] } | undefined
  return (snapshot) => {
    if (last?.snapshot !== snapshot) last = { snapshot, caps: compute(snapshot) }
    return last.caps
  }
}
