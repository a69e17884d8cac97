// Decides whether a tool call fits into the budgets of the policy; must never take from one cap and not from another.
import { ClonedError, type Reserve, type TakeAnswer, type ToolCall } from 'cloned/kernel'
import type { Policy, PolicySnapshot } from '../policy/slot.js'
import type { Store } from '../store/slot.js'
import { type Cap, capsOf, type Draw, drawsOf, limitOf, MILLIONTHS, windowStart } from './caps.js'
import { durationOf } from './duration.js'
import { createLedger } from './ledger.js'
import type { Budgets } from './slot.js'
import { tokenOf } from './token.js'

// Between a refused take and the look at why, another call may have given back; then it is tried again.
const ATTEMPTS = 3

/** What {@link createBudgets} works with. The tables of {@link MIGRATIONS} must exist before the first call. */
export interface BudgetsDeps {
  readonly store: Pick<Store, 'all' | 'write'>
  readonly policy: Pick<Policy, 'snapshot'>
  readonly now: () => number
}

/** Makes the budgets of one workspace. Any number of processes may have one on the same store. */
export function createBudgets({ store, policy, now }: BudgetsDeps): Budgets & { readonly reserve: Reserve<ToolCall> } {
  const ledger = createLedger({ store, now })
  const currentCaps = cached(capsOf)

  /** The first cap that has no room for its draw. */
  const refusal = async (draws: readonly Draw[], pack: string): Promise<TakeAnswer | undefined> => {
    for (const draw of draws) {
      const used = await ledger.used(draw.cap.key, draw.window)
      if (used + draw.amount > limitOf(draw.cap)) return exceeded(draw, used, pack)
    }
    return undefined
  }

  const plan = ({ tool }: ToolCall): { readonly draws: readonly Draw[]; readonly pack: string } => {
    const snapshot = policy.snapshot()
    return { draws: drawsOf(currentCaps(snapshot), tool, now()), pack: snapshot.pack }
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
        const token = await ledger.take(ref, draws)
        if (token !== undefined) return { ok: true, token }
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

  return {
    reserve,
    async usage() {
      const at = now()
      return Promise.all(
        currentCaps(policy.snapshot()).map(async ({ key, category, limit, windowMs, tools }) => {
          const start = windowStart({ windowMs }, at)
          const used = (await ledger.used(key, start)) / MILLIONTHS
          return { category, limit, used, windowMs, windowStart: start, ...(tools ? { tools } : {}) }
        }),
      )
    },
  }
}

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
