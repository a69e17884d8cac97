// Decides whether a request may be made, by the rules alone; pure, and without an allow rule the answer is no.
import type { EgressPolicy } from '../policy/slot.js'
import { type AddressPolicy, TUNNEL } from './rule.js'
import { type CompiledEgress, compileRules, type ScopeRules } from './rules.js'
import type { EgressAllowed, EgressCaller, EgressRefusal } from './slot.js'
import type { Target } from './target.js'

/** A decision, and to which addresses an allowed request may go. */
export type Decision = (EgressAllowed & { readonly addresses: AddressPolicy }) | EgressRefusal

/** Decides by one policy. */
export type Decide = (caller: EgressCaller, method: string, target: Target) => Decision

/** Without those that repeat what was sent, secrets included (TRACE). CONNECT is a tunnel, in which every method may be used. */
export const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  TUNNEL,
])
const MAX_CALLERS = 256
/** A power of two. */
const REMEMBERED = 1024

/**
 * Compiles a policy into its decisions. Every deny rule is asked before any allow rule; each in the order tool, connector,
 * everybody. Throws `EGRESS_RULES`.
 */
export function compileEgress(egress: EgressPolicy): Decide {
  const rules = compileRules(egress)
  const views = new Map<string, View>()
  return ({ tool, connector = '' }, method, target) => {
    let view = views.get(tool)
    if (view?.connector !== connector) {
      if (views.size >= MAX_CALLERS) views.clear()
      view = { connector, scopes: scopesOf(rules, tool, connector), remembered: new Array(REMEMBERED) }
      views.set(tool, view)
    }
    return remembered(view, method, target)
  }
}

/** What one caller sees of the rules, with its last answers. */
interface View {
  readonly connector: string
  readonly scopes: readonly ScopeRules[]
  readonly remembered: (Remembered | undefined)[]
}

interface Remembered {
  readonly origin: string
  readonly method: string
  readonly decision: Decision
}

function scopesOf({ tools, connectors, global }: CompiledEgress, tool: string, connector: string): ScopeRules[] {
  return [tools.get(tool), connectors.get(connector), global].filter((scope) => scope !== undefined)
}

/**
 * Rules look at scheme, host, port and method only, so that one answer serves every path. An answer has one place by the
 * hash of its origin: filling a map costs more than looking the answer up again (measured).
 */
function remembered({ scopes, remembered: answers }: View, method: string, target: Target): Decision {
  const { origin } = target
  let hash = 0
  for (let i = 0; i < origin.length; i++) hash = (hash * 31 + origin.charCodeAt(i)) | 0
  const place = hash & (REMEMBERED - 1)
  const known = answers[place]
  if (known?.origin === origin && known.method === method) return known.decision
  const decision = judge(scopes, method, target)
  answers[place] = { origin, method, decision }
  return decision
}

function judge(scopes: readonly ScopeRules[], method: string, target: Target): Decision {
  if (!METHODS.has(method))
    return { allowed: false, code: 'METHOD', reason: `${method.slice(0, 20)} is not a method that is sent` }
  for (const { deny } of scopes) {
    const match = deny.find(method, target)
    if (match && match.misses === undefined) {
      return { allowed: false, code: 'DENIED', reason: 'a rule denies it', rule: match.rule.at }
    }
  }
  let near: EgressRefusal | undefined
  for (const { allow } of scopes) {
    const match = allow.find(method, target)
    if (!match) continue
    if (match.misses === undefined) return { allowed: true, rule: match.rule.at, addresses: match.cover.addresses }
    near ??= { allowed: false, code: match.misses, reason: NEAR[match.misses](method, target), rule: match.rule.at }
  }
  return near ?? { allowed: false, code: 'NO_RULE', reason: `no rule allows ${target.host.text}` }
}

const NEAR = {
  SCHEME: (_: string, { scheme, host }: Target) => `no rule allows ${scheme} to ${host.text}`,
  PORT: (_: string, { port, host }: Target) => `no rule allows port ${port} of ${host.text}`,
  METHOD: (method: string, { host }: Target) => `no rule allows ${method} to ${host.text}`,
} as const
