// Counts what the calls of runs have cost against max_cost; what a run spent is read back from the audit log, never forgotten.
import {
  type AuditLog,
  ClonedError,
  costOf,
  type JsonObject,
  type Reserve,
  type TakeAnswer,
  type ToolCall,
} from 'cloned/kernel'
import { type Hold, type Holds, refuse } from './holds.js'
import type { Held, HeldStep } from './slot.js'

/** Amounts are kept in whole millionths, so that fractions of a unit add up exactly. */
const MILLIONTHS = 1_000_000
const TAKER = 'cloned.skills'

/** What one call takes: millionths by counter. A counter is a place in the run, a constitution and a category. */
type Draws = { readonly [counter: string]: number }

/** Used and in flight of one run. */
interface Account {
  readonly spent: Map<string, number>
  /** Calls that are counted, and what each has taken. */
  readonly calls: Map<string, Draws>
}

interface Limit {
  readonly counter: string
  readonly constitution: string
  readonly category: string
  /** Millionths. */
  readonly most: number
}

/**
 * A run is carried by one process at a time, so its account is in memory for as long as it is; the tokens in the intents are
 * its book, and it is read anew by whoever carries the run next: others may have spent meanwhile.
 */
export class Spent implements Reserve<ToolCall> {
  readonly #holds: Pick<Holds, 'of'>
  readonly #audit: Pick<AuditLog, 'find'>
  readonly #accounts = new WeakMap<Held, Promise<Account>>()
  readonly #open = new Map<string, Account>()

  constructor(holds: Pick<Holds, 'of'>, audit: Pick<AuditLog, 'find'>) {
    this.#holds = holds
    this.#audit = audit
  }

  async peek(call: ToolCall): Promise<TakeAnswer> {
    const hold = this.#holds.of(call)
    const limits = hold ? limitsOf(hold) : []
    if (!hold || limits.length === 0) return NOTHING
    const account = await this.#account(hold.step)
    return over(hold, call, limits, account) ?? { ok: true, token: drawsOf(call, limits) }
  }

  take({ callId }: { readonly callId: string }, call: ToolCall): TakeAnswer | Promise<TakeAnswer> {
    const hold = this.#holds.of(call)
    const limits = hold ? limitsOf(hold) : []
    if (!hold || limits.length === 0) return NOTHING
    return this.#account(hold.step).then((account) => {
      const refused = over(hold, call, limits, account)
      if (refused) return refused
      const draws = drawsOf(call, limits)
      add(account, callId, draws)
      this.#open.set(callId, account)
      return { ok: true, token: draws }
    })
  }

  async settle(callId: string, how: 'commit' | 'release'): Promise<void> {
    const account = this.#open.get(callId)
    this.#open.delete(callId)
    const draws = account?.calls.get(callId)
    if (!account || !draws || how === 'commit') return
    account.calls.delete(callId)
    for (const [counter, amount] of Object.entries(draws)) {
      account.spent.set(counter, (account.spent.get(counter) ?? 0) - amount)
    }
  }

  async unsettled(): Promise<readonly string[]> {
    return [...this.#open.keys()]
  }

  async settledUpTo(): Promise<number> {
    // What dead processes took stands in their intents, and is read from there.
    return Number.MAX_SAFE_INTEGER
  }

  async restore(): Promise<void> {}

  #account({ run, constitutions: [outermost] }: HeldStep): Promise<Account> {
    const known = outermost && this.#accounts.get(outermost)
    if (known) return known
    const reading = this.#read(run)
    if (!outermost) return reading
    this.#accounts.set(outermost, reading)
    // Not known is not nothing: it is read again by the next call.
    reading.catch(() => this.#accounts.delete(outermost))
    return reading
  }

  async #read(run: string): Promise<Account> {
    const account: Account = { spent: new Map(), calls: new Map() }
    const released = new Set<string>()
    const taken = new Map<string, Draws>()
    for (const { record } of await this.#audit.find(`run:${run}`)) {
      const callId = String(record['call_id'])
      if (record['type'] === 'tool.outcome' && record['effect'] === 'none') released.add(callId)
      const draws = (record['takes'] as JsonObject | undefined)?.[TAKER]
      if (record['type'] === 'tool.intent' && draws) taken.set(callId, draws as Draws)
    }
    for (const [callId, draws] of taken) if (!released.has(callId)) add(account, callId, draws)
    return account
  }
}

const NOTHING: TakeAnswer = { ok: true, token: null }

function add({ spent, calls }: Account, callId: string, draws: Draws): void {
  calls.set(callId, draws)
  for (const [counter, amount] of Object.entries(draws)) spent.set(counter, (spent.get(counter) ?? 0) + amount)
}

function limitsOf({ step }: Hold): readonly Limit[] {
  return step.constitutions.flatMap(({ constitution: { of, maxCost = {} }, at }) =>
    Object.entries(maxCost).map(([category, most]) => ({
      counter: JSON.stringify([at, of, category]),
      constitution: of,
      category,
      most: Math.round(most * MILLIONTHS),
    })),
  )
}

function drawsOf(call: ToolCall, limits: readonly Limit[]): Draws {
  return Object.fromEntries(limits.map(({ counter, category }) => [counter, amountOf(call, category)]))
}

/** Millionths; infinite where nobody can know. */
function amountOf({ tool, input }: ToolCall, category: string): number {
  // A tool that declares a cost of that name cannot make its calls cheaper.
  if (category === 'calls') return MILLIONTHS
  return Math.ceil((costOf(tool, input, category) ?? Number.POSITIVE_INFINITY) * MILLIONTHS)
}

function over(hold: Hold, call: ToolCall, limits: readonly Limit[], { spent }: Account): TakeAnswer | undefined {
  for (const { counter, constitution, category, most } of limits) {
    const before = spent.get(counter) ?? 0
    const amount = amountOf(call, category)
    if (before + amount <= most) continue
    const words = { constitution, category, tool: call.tool.id, step: hold.step.step }
    const cost = amount === Number.POSITIVE_INFINITY ? 'what cannot be known' : worded(amount)
    const error = new ClonedError('CONSTITUTION_COST', { ...words, most: worded(most), spent: worded(before), cost })
    const { reason, code, help } = refuse(hold, error)
    return { ok: false, reason, ...(code === undefined ? {} : { code }), ...(help === undefined ? {} : { help }) }
  }
  return undefined
}

function worded(millionths: number): string {
  return String(millionths / MILLIONTHS)
}
