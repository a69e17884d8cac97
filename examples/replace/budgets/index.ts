// Budgets that keep a book of every call, in the place of the built-in counters; a call must never take more than there is.
import {
  ask,
  beforeToolCall,
  definePlugin,
  type Reserve,
  reserveToolCall,
  type TakeAnswer,
  type ToolCall,
} from 'cloned/kernel'
import {
  budgetsSlot,
  capsOf,
  type Draw,
  drawsOf,
  limitOf,
  onBudgetWarning,
  unknownCosts,
  windowStart,
} from 'cloned/plugins/budgets'
import { policySlot } from 'cloned/plugins/policy'
import { storeSlot } from 'cloned/plugins/store'
import { openBooks, STEPS } from './books.js'
import { exceeded, subjectOf, usageOf } from './usage.js'

/** List it, and say so: `replace: { 'cloned.budgets': 'acme.budgets' }`. */
export default definePlugin({
  id: 'acme.budgets',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Budgets that keep what every single call took.',
  requires: { store: storeSlot, policy: policySlot },
  provides: { budgets: budgetsSlot },
  taps: [reserveToolCall, beforeToolCall],
  fires: [onBudgetWarning],
  setup({ deps: { store, policy }, hooks, onStart, now }) {
    const books = openBooks(store)
    const caps = () => capsOf(policy.snapshot())
    const draws = (call: ToolCall) => drawsOf(caps(), call, now())

    /** The first draw for which there is no room. */
    async function refusal(wanted: readonly Draw[]): Promise<TakeAnswer | undefined> {
      for (const draw of wanted) {
        const used = await books.used(draw.counter, draw.window)
        if (used + draw.amount > limitOf(draw.cap)) return exceeded(draw, used, policy.snapshot().pack)
      }
      return undefined
    }
    function warn({ cap, counter, window, amount }: Draw, used: number, callId: string, tool: string): void {
      if (used < cap.warnAt || used - amount >= cap.warnAt) return
      hooks.fire(onBudgetWarning, { ...usageOf(cap, window, now(), used, subjectOf(cap, counter)), callId, tool })
    }

    const reserve: Reserve<ToolCall> = {
      ...books,
      peek: async (call) => (await refusal(draws(call))) ?? { ok: true, token: null },
      async take(ref, call) {
        const wanted = draws(call)
        if (wanted.length === 0) return { ok: true, token: null }
        const taken = await books.take(ref, wanted)
        for (const [i, draw] of wanted.entries()) warn(draw, taken?.used[i] ?? 0, ref.callId, call.target)
        const token = taken?.token ?? (await books.open(ref.callId))
        if (token !== undefined) return { ok: true, token }
        return (
          (await refusal(wanted)) ?? { ok: false, reason: 'others took and gave back meanwhile', help: 'Call again.' }
        )
      },
    }
    hooks.reserve(reserveToolCall, reserve)
    hooks.guard(beforeToolCall, (call) => {
      const [category] = unknownCosts(caps(), call)
      return category === undefined ? undefined : ask(`its cost in "${category}" is unknown`, `unknown ${category}`)
    })
    onStart(() => store.migrate('acme.budgets', STEPS))

    async function usage() {
      const at = now()
      const all = caps().map(async (cap) => {
        const window = windowStart(cap, at)
        const counters = cap.per === undefined ? [] : await books.counters(`${cap.key}#`, window)
        if (counters.length === 0) return [usageOf(cap, window, at, await books.used(cap.key, window))]
        return counters.map(({ counter, used }) => usageOf(cap, window, at, used, subjectOf(cap, counter)))
      })
      return (await Promise.all(all)).flat()
    }
    return { budgets: { usage } }
  },
})
