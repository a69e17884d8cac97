// Finds which caps a call falls under and what it costs there; must never let a tool's own numbers give budget back.
import { canonical, compilePattern, costOf, type ToolCall } from 'cloned/kernel'
import type { BudgetCap, PolicySnapshot } from '../policy/slot.js'
import { subjectOf } from './subject.js'

/** Amounts are kept in whole millionths, so that fractions of a unit add up exactly. */
export const MILLIONTHS = 1_000_000
const WARN = 0.8

/** A cap of the policy, ready to be counted. */
export interface Cap extends BudgetCap {
  /** Names its counter, or what the names of its counters begin with: category, window, tools and `per`. */
  readonly key: string
  /** Millionths from which on its use is a warning. */
  readonly warnAt: number
  readonly covers: (toolId: string) => boolean
}

/** What one call takes from one counter. */
export interface Draw {
  readonly cap: Cap
  /** Names the counter: the key of its cap, or that, `#` and whose it is. A changed limit keeps what was used. */
  readonly counter: string
  /** Start of the window, milliseconds since 1970. */
  readonly window: number
  /** Millionths. */
  readonly amount: number
}

/** What of a call decides what it takes. */
export type Spender = Pick<ToolCall, 'tool' | 'input' | 'actor'>

/** The caps of a policy; of several that count the same thing, the one with the lowest limit. */
export function capsOf(snapshot: PolicySnapshot): readonly Cap[] {
  const caps = new Map<string, Cap>()
  for (const cap of snapshot.budgets) {
    const tools = cap.tools && [...new Set(cap.tools)].sort()
    const key = canonical([cap.category, cap.windowMs, tools ?? '*', ...(cap.per === undefined ? [] : [cap.per])])
    const globs = tools?.map(compilePattern)
    const same = caps.get(key)
    if (same && same.limit <= cap.limit) continue
    const covers = (id: string) => globs === undefined || globs.some((matches) => matches(id))
    caps.set(key, { ...cap, key, warnAt: Math.ceil(limitOf(cap) * (cap.warn ?? WARN)), covers })
  }
  return [...caps.values()]
}

/** What this call takes at this moment. What it costs where that is unknown is not in it: a person was asked about that. */
export function drawsOf(caps: readonly Cap[], call: Spender, now: number): readonly Draw[] {
  const draws: Draw[] = []
  for (const cap of caps) {
    const counter = cap.covers(call.tool.id) ? counterOf(cap, call) : undefined
    const amount = counter === undefined ? 0 : (amountOf(call, cap.category) ?? 0)
    if (counter !== undefined && amount > 0) draws.push({ cap, counter, window: windowStart(cap, now), amount })
  }
  return draws
}

/** The categories that are capped for this call, and in which its cost is unknown. */
export function unknownCosts(caps: readonly Cap[], call: Spender): readonly string[] {
  const unknown = caps.filter(
    (cap) =>
      cap.covers(call.tool.id) && amountOf(call, cap.category) === undefined && counterOf(cap, call) !== undefined,
  )
  return [...new Set(unknown.map(({ category }) => category))].sort()
}

/** Between the key of a cap and whose counter it is. */
export const OF = '#'

function counterOf({ key, per }: Cap, call: Spender): string | undefined {
  if (per === undefined) return key
  const subject = subjectOf(per, call)
  return subject === undefined ? undefined : `${key}${OF}${subject}`
}

/** Start of the window of a cap that a moment falls into; windows are aligned to 1970. */
export function windowStart({ windowMs }: Pick<BudgetCap, 'windowMs'>, now: number): number {
  return Math.floor(now / windowMs) * windowMs
}

/** A limit in millionths; never more than counts exactly. */
export function limitOf({ limit }: Pick<BudgetCap, 'limit'>): number {
  return Math.min(Math.round(limit * MILLIONTHS), Number.MAX_SAFE_INTEGER)
}

/** Millionths; `undefined` when the cost is unknown. Throws `RangeError` for a cost that is none. */
function amountOf({ tool, input }: Spender, category: string): number | undefined {
  // Counted by the gate: a tool that declares a cost of that name cannot make its calls cheaper.
  if (category === 'calls') return MILLIONTHS
  const cost = costOf(tool, input, category)
  // What costs anything costs at least one millionth, or enough small calls would be free.
  return cost === undefined || cost === 0 ? cost : Math.max(1, Math.round(cost * MILLIONTHS))
}
