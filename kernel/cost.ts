// Says what one call of a tool costs by its contract; a cost that cannot be known is said to be unknown, never guessed low.
import type { Json, JsonObject } from './json.js'
import type { ToolContract } from './tool.js'

/** A cost that grows with the input: `base`, and for every term its rate times what stands in the input. */
export interface CostFormula {
  readonly base?: number
  readonly terms: readonly CostTerm[]
}

export interface CostTerm {
  /** JSON pointer into the input. A number counts as itself, a text by its UTF-16 units, a list by its items. */
  readonly input: string
  /** Cost of one of these. */
  readonly rate: number
  /** Counts where the input has nothing there; without it the cost is unknown then. */
  readonly absent?: number
}

/** Of one call in one category. `unknown` asks a person wherever a budget of this category is kept. */
export type ToolCost = number | 'unknown' | CostFormula

/** More than this is no cost, but a slip or an attack. */
const MAX_COST = 9_007_199_254
const CATEGORY = /^[a-z][a-z0-9_.-]{0,63}$/
const POINTER = /^(\/([^~/]|~0|~1)*)+$/
const MAX_TERMS = 20

/** What this call costs by category; `undefined` where that is unknown. Throws `RangeError` for a cost of no valid form. */
export function costOf(
  { id, cost }: Pick<ToolContract, 'id' | 'cost'>,
  input: Json,
  category: string,
): number | undefined {
  const declared: unknown = Object.hasOwn(cost, category) ? cost[category] : 0
  const problem = costProblem(declared)
  if (problem) throw new RangeError(`tool "${id}" declares a cost in category "${category}" that ${problem}`)
  if (typeof declared === 'number') return declared
  if (declared === 'unknown') return undefined
  const { base = 0, terms } = declared as CostFormula
  let sum = base
  for (const { input: pointer, rate, absent } of terms) {
    const amount = measure(at(input, pointer), absent)
    if (amount === undefined) return undefined
    sum += rate * amount
  }
  return isCost(sum) ? sum : undefined
}

/** What is wrong with the costs of a contract; `undefined` when nothing is. */
export function costsProblem(costs: unknown): string | undefined {
  if (typeof costs !== 'object' || costs === null || Array.isArray(costs)) return 'its cost is no object'
  for (const [category, cost] of Object.entries(costs)) {
    const problem = CATEGORY.test(category) ? costProblem(cost) : 'is in no category of lower-case words'
    if (problem) return `its cost "${category.slice(0, 64)}" ${problem}`
  }
  return undefined
}

function costProblem(cost: unknown): string | undefined {
  if (cost === 'unknown') return undefined
  if (typeof cost === 'number') return isCost(cost) ? undefined : `is ${cost}`
  if (typeof cost !== 'object' || cost === null) return 'is no number, formula or "unknown"'
  const { base = 0, terms, ...rest } = cost as { base?: unknown; terms?: unknown }
  if (Object.keys(rest).length > 0 || !isCost(base)) return 'is a formula of another form'
  if (!Array.isArray(terms) || terms.length === 0 || terms.length > MAX_TERMS) return `needs 1 to ${MAX_TERMS} terms`
  return terms.every(isTerm) ? undefined : 'has a term of another form'
}

function isTerm(term: unknown): boolean {
  if (typeof term !== 'object' || term === null) return false
  const { input, rate, absent = 0, ...rest } = term as { [key: string]: unknown }
  const pointed = typeof input === 'string' && input.length <= 500 && POINTER.test(input)
  return pointed && isCost(rate) && isCost(absent) && Object.keys(rest).length === 0
}

function isCost(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_COST
}

function measure(value: Json | undefined, absent: number | undefined): number | undefined {
  if (value === undefined) return absent
  if (typeof value === 'string' || Array.isArray(value)) return value.length
  // A negative amount would give back what others have used.
  return isCost(value) ? value : undefined
}

function at(input: Json, pointer: string): Json | undefined {
  let value: Json | undefined = input
  for (const part of pointer.slice(1).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    // `length` of a list is its own, and no part of the input.
    if (Array.isArray(value) && !/^\d+$/.test(key)) return undefined
    value = (value as JsonObject)[key]
  }
  return value
}
