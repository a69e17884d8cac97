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
 * `*.`. One table of numbers instead of a map of strings: what is not there costs one access to memory, and with a
 * million rules it is accesses to memory that take the time (half of what maps took, measured).
 */
export class RuleTable {
  readonly #rules: readonly EgressRule[]
  /** Hash of a host and its first rule plus 1, by place. Never more than half full. */
  readonly #places: Int32Array
  readonly #mask: number
  /** Cover of each rule, and the next rule with the same host; -1 for none. */
  readonly #links: Int32Array
  readonly #covers: Cover[] = []

  constructor(rules: readonly EgressRule[], coverOf: (rule: EgressRule) => Cover) {
    this.#rules = rules
    const size = 2 ** Math.ceil(Math.log2(rules.length * 2 + 1))
    this.#places = new Int32Array(size * 2)
    this.#mask = size - 1
    this.#links = new Int32Array(rules.length * 2)
    const known = new Map<string, number>()
    // Backwards: a list begins with its first rule.
    for (let i = rules.length - 1; i >= 0; i--) {
      const rule = rules[i]
      if (!rule) continue
      const { host } = rule
      const hash = hashOf(host.startsWith('*.') ? `*${host.slice(2)}` : host)
      const place = this.#place(hash, (other) => other.host === host)
      const cover = coverOf(rule)
      const key = JSON.stringify([cover.schemes, cover.ports, cover.methods, cover.addresses.id])
      const shared = known.get(key) ?? this.#covers.push(cover) - 1
      known.set(key, shared)
      this.#links[i * 2] = shared
      this.#links[i * 2 + 1] = (this.#places[place + 1] ?? 0) - 1
      this.#places[place] = hash
      this.#places[place + 1] = i + 1
    }
  }

  /** The first rule that covers the request, else the last one that names the host and misses. */
  find(method: string, target: Target): Match | undefined {
    if (this.#rules.length === 0) return undefined
    const { text: host, address } = target.host
    const dot = host.indexOf('.')
    let hash = SEED
    let base = SEED
    // From the end, so that the hash of the name after the first label comes up on the way.
    for (let i = host.length - 1; i >= 0; i--) {
      if (i === dot) base = hash
      hash = Math.imul(hash ^ host.charCodeAt(i), PRIME)
    }
    const exact = this.#first(hash, (rule) => rule.host === host, method, target)
    if (address || (exact && exact.misses === undefined)) return exact
    const wild = Math.imul(base ^ STAR, PRIME)
    return this.#first(wild, (rule) => covers(rule.host, host, dot), method, target) ?? exact
  }

  #first(hash: number, names: (rule: EgressRule) => boolean, method: string, target: Target): Match | undefined {
    let found: Match | undefined
    const start = (this.#places[this.#place(hash, names) + 1] ?? 0) - 1
    for (let i = start; i >= 0; i = this.#links[i * 2 + 1] ?? -1) {
      const rule = this.#rules[i]
      const cover = this.#covers[this.#links[i * 2] ?? 0]
      if (!rule || !cover) continue
      const misses = missed(cover, method, target)
      if (misses === undefined) return { rule, cover }
      found = { rule, cover, misses }
    }
    return found
  }

  /** Where a host stands, or would. An equal hash alone proves nothing: the rule has to name the host. */
  #place(hash: number, names: (rule: EgressRule) => boolean): number {
    for (let at = hash & this.#mask; ; at = (at + 1) & this.#mask) {
      const place = at * 2
      const index = (this.#places[place + 1] ?? 0) - 1
      if (index < 0) return place
      const rule = this.#places[place] === hash ? this.#rules[index] : undefined
      if (rule && names(rule)) return place
    }
  }
}

const SEED = 0x811c9dc5 | 0
const PRIME = 0x01000193
const STAR = 42

/** FNV-1a from the end of the text. */
function hashOf(text: string): number {
  let hash = SEED
  for (let i = text.length - 1; i >= 0; i--) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME)
  return hash
}

/** Whether `*.base` is about a host whose first dot is at `dot`. */
function covers(rule: string, host: string, dot: number): boolean {
  return rule.startsWith('*.') && rule.length - 1 === host.length - dot && host.endsWith(rule.slice(1))
}

function missed({ schemes, ports, methods }: Cover, method: string, { scheme, port }: Target): Match['misses'] {
  if (schemes && !schemes.includes(scheme)) return 'SCHEME'
  if (ports && !ports.includes(port)) return 'PORT'
  if (methods && !methods.includes(method)) return 'METHOD'
  return undefined
}
