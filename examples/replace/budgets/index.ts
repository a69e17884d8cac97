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
  crosses,
  type Draw,
  drawsOf,
  exceeded,
  limitOf,
  onBudgetWarning,
  unknownCosts,
  usageIn,
  warningOf,
  windowStart,
} from 'cloned/plugins/budgets'
import { policySlot } from 'cloned/plugins/policy'
import { storeSlot } from 'cloned/plugins/store'
import { openBooks, STEPS } from './books.js'

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
    const again: TakeAnswer = { ok: false, reason: 'others took and gave back meanwhile', help: 'Call again.' }

    const reserve: Reserve<ToolCall> = {
      ...books,
      peek: async (call) => (await refusal(draws(call))) ?? { ok: true, token: null },
      async take(ref, call) {
        const wanted = draws(call)
        if (wanted.length === 0) return { ok: true, token: null }
        const taken = await books.take(ref, wanted)
        for (const [i, used] of taken?.used.entries() ?? []) {
          const draw = wanted[i]
          if (draw && crosses(draw, used)) hooks.fire(onBudgetWarning, warningOf(ref, call, draw, used))
        }
        const token = taken?.token ?? (await books.open(ref.callId))
        return token === undefined ? ((await refusal(wanted)) ?? again) : { ok: true, token }
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
        const [window, prefix] = [windowStart(cap, at), `${cap.key}#`]
        const counters = cap.per === undefined ? [] : await books.counters(prefix, window)
        if (counters.length === 0) return [usageIn(cap, window, at, await books.used(cap.key, window))]
        return counters.map(({ counter, used }) => usageIn(cap, window, at, used, counter.slice(prefix.length)))
      })
      return (await Promise.all(all)).flat()
    }
    return { budgets: { usage } }
  },
})
