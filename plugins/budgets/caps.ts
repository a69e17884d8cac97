// Finds which caps a call falls under and what it costs there; must never let a tool's own numbers give budget back.
import { canonical, compilePattern, type ToolContract } from 'cloned/kernel'
import type { BudgetCap, PolicySnapshot } from '../policy/slot.js'

/** Amounts are kept in whole millionths, so that fractions of a unit add up exactly. */
export const MILLIONTHS = 1_000_000

/** A cap of the policy, ready to be counted. */
export interface Cap extends BudgetCap {
  /** Names the counter: category, window and tools. A changed limit keeps what was used. */
  readonly key: string
  readonly covers: (toolId: string) => boolean
}

/** What one call takes from one cap. */
export interface Draw {
  readonly cap: Cap
  /** Start of the window, milliseconds since 1970. */
  readonly window: number
  /** Millionths. */
  readonly amount: number
}

/** The caps of a policy; of several that count the same thing, the one with the lowest limit. */
export function capsOf(snapshot: PolicySnapshot): readonly Cap[] {
  const caps = new Map<string, Cap>()
  for (const cap of snapshot.budgets) {
    const tools = cap.tools && [...new Set(cap.tools)].sort()
    const key = canonical([cap.category, cap.windowMs, tools ?? '*'])
    const globs = tools?.map(compilePattern)
    const same = caps.get(key)
    if (same && same.limit <= cap.limit) continue
    caps.set(key, { ...cap, key, covers: (id) => globs === undefined || globs.some((matches) => matches(id)) })
  }
  return [...caps.values()]
}

/** What a call of this tool takes at this moment. Throws `RangeError` for a cost that is not a number of 0 or more. */
export function drawsOf(caps: readonly Cap[], tool: Pick<ToolContract, 'id' | 'cost'>, now: number): readonly Draw[] {
  const draws: Draw[] = []
  for (const cap of caps) {
    if (!cap.covers(tool.id)) continue
    const amount = amountOf(tool, cap.category)
    if (amount > 0) draws.push({ cap, window: windowStart(cap, now), amount })
  }
  return draws
}

/** Start of the window of a cap that a moment falls into; windows are aligned to 1970. */
export function windowStart({ windowMs }: Pick<BudgetCap, 'windowMs'>, now: number): number {
  return Math.floor(now / windowMs) * windowMs
}

/** A limit in millionths; never more than counts exactly. */
export function limitOf({ limit }: Pick<BudgetCap, 'limit'>): number {
  return Math.min(Math.round(limit * MILLIONTHS), Number.MAX_SAFE_INTEGER)
}

// `calls` is counted by the gate: a tool that declares a cost of that name cannot make its calls cheaper.
function amountOf(tool: Pick<ToolContract, 'id' | 'cost'>, category: string): number {
  if (category === 'calls') return MILLIONTHS
  if (!Object.hasOwn(tool.cost, category)) return 0
  const cost: unknown = tool.cost[category]
  if (typeof cost !== 'number' || !(cost >= 0 && cost * MILLIONTHS <= Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`tool "${tool.id}" declares a cost of ${String(cost)} in category "${category}"`)
  }
  // What costs anything costs at least one millionth, or enough small calls would be free.
  return cost === 0 ? 0 : Math.max(1, Math.round(cost * MILLIONTHS))
}
