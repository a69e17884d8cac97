// Compiles the egress rules of a policy into tables that are asked by host; must refuse all of them when one is not clear.
import { ClonedError } from 'cloned/kernel'
import type { EgressLists, EgressPolicy, EgressRule } from '../policy/slot.js'
import { allowCover, allowProblems, type Cover, denyCover, denyProblems } from './rule.js'
import type { Target } from './target.js'

/** The tables of one scope. */
export interface ScopeRules {
  readonly deny: RuleTable
  readonly allow: RuleTable
}

/** A rule that names the host, with what it does not cover of the request; nothing when it covers all of it. */
export interface Match {
  readonly rule: EgressRule
  readonly cover: Cover
  readonly misses?: 'SCHEME' | 'PORT' | 'METHOD'
}

/** Everything compiled. */
export interface CompiledEgress {
  readonly global: ScopeRules
  readonly connectors: ReadonlyMap<string, ScopeRules>
  readonly tools: ReadonlyMap<string, ScopeRules>
}

const MAX_SHOWN = 10

/** Compiles. Throws `EGRESS_RULES` with every rule that cannot be used, and where it stands. */
export function compileRules({ global, connectors, tools }: EgressPolicy): CompiledEgress {
  const problems: string[] = []
  const scope = (lists: EgressLists): ScopeRules => {
    problems.push(...lists.deny.flatMap((rule) => denyProblems(rule).map((problem) => worded(rule, problem))))
    problems.push(...lists.allow.flatMap((rule) => allowProblems(rule).map((problem) => worded(rule, problem))))
    return { deny: new RuleTable(lists.deny, denyCover), allow: new RuleTable(lists.allow, allowCover) }
  }
  const named = (lists: Readonly<Record<string, EgressLists>>) =>
    new Map(Object.entries(lists).map(([id, found]) => [id, scope(found)]))
  const compiled = { global: scope(global), connectors: named(connectors), tools: named(tools) }
  if (problems.length > 0) {
    const more = problems.length > MAX_SHOWN ? `; and ${problems.length - MAX_SHOWN} more` : ''
    throw new ClonedError('EGRESS_RULES', { problems: problems.slice(0, MAX_SHOWN).join('; ') + more })
  }
  return compiled
}

function worded({ host, at }: EgressRule, problem: string): string {
  return `the rule for "${host.slice(0, 255)}" (${at}) ${problem}`
}

/**
 * Rules by host. Two look-ups answer for any number of rules: the host itself, and the name after its first label for
 * `*.`. A rule costs one entry in a map and three small numbers; rules that cover the same share one cover.
 */
export class RuleTable {
  readonly #rules: readonly EgressRule[]
  readonly #exact = new Map<string, number>()
  readonly #wild = new Map<string, number>()
  /** The next rule with the same host, in order; -1 for none. */
  readonly #next: Int32Array
  readonly #covers: Cover[] = []
  readonly #coverOf: Uint32Array

  constructor(rules: readonly EgressRule[], coverOf: (rule: EgressRule) => Cover) {
    this.#rules = rules
    this.#next = new Int32Array(rules.length).fill(-1)
    this.#coverOf = new Uint32Array(rules.length)
    const known = new Map<string, number>()
    // Backwards: a list begins with its first rule.
    for (let i = rules.length - 1; i >= 0; i--) {
      const rule = rules[i]
      if (!rule) continue
      const wild = rule.host.startsWith('*.')
      const table = wild ? this.#wild : this.#exact
      const key = wild ? rule.host.slice(2) : rule.host
      this.#next[i] = table.get(key) ?? -1
      table.set(key, i)
      const cover = coverOf(rule)
      const coverKey = JSON.stringify([cover.schemes, cover.ports, cover.methods, cover.addresses.id])
      const shared = known.get(coverKey) ?? this.#covers.push(cover) - 1
      known.set(coverKey, shared)
      this.#coverOf[i] = shared
    }
  }

  get size(): number {
    return this.#rules.length
  }

  /** The first rule that covers the request, else the last one that names the host and misses. */
  find(method: string, target: Target): Match | undefined {
    if (this.#rules.length === 0) return undefined
    const host = target.host.text
    const exact = this.#first(this.#exact.get(host) ?? -1, method, target)
    if (exact && exact.misses === undefined) return exact
    if (this.#wild.size === 0 || target.host.address) return exact
    return this.#first(this.#wild.get(host.slice(host.indexOf('.') + 1)) ?? -1, method, target) ?? exact
  }

  #first(start: number, method: string, target: Target): Match | undefined {
    let found: Match | undefined
    for (let i = start; i >= 0; i = this.#next[i] ?? -1) {
      const rule = this.#rules[i]
      const cover = this.#covers[this.#coverOf[i] ?? 0]
      if (!rule || !cover) continue
      const misses = missed(cover, method, target)
      if (misses === undefined) return { rule, cover }
      found = { rule, cover, misses }
    }
    return found
  }
}

function missed({ schemes, ports, methods }: Cover, method: string, { scheme, port }: Target): Match['misses'] {
  if (schemes && !schemes.includes(scheme)) return 'SCHEME'
  if (ports && !ports.includes(port)) return 'PORT'
  if (methods && !methods.includes(method)) return 'METHOD'
  return undefined
}
