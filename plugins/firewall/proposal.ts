// Names a change of the egress rules as a person or an agent would ask for it; never asks for more than it names.
import type { JsonObject } from 'cloned/kernel'
import type { EgressRule } from '../policy/slot.js'
import { canonicalHost } from './host.js'
import { allowProblems, TUNNEL } from './rule.js'
import type { EgressCaller } from './slot.js'
import { DEFAULT_PORTS, type Target } from './target.js'

/** A rule without its place. */
export type RuleFields = Omit<EgressRule, 'at'>

/** Whose rules: those for everybody, of one connector or of one tool. */
export interface Scope {
  readonly list: 'global' | 'connectors' | 'tools'
  /** Of the connector or tool. */
  readonly id?: string
}

export const UPDATE_TOOL = 'cloned.internal.security.egress.update@v1'

/** The scope that an id belongs to. */
export function scopeOf({ tool, connector }: { tool?: string | undefined; connector?: string | undefined }): Scope {
  if (connector !== undefined) return { list: 'connectors', id: connector }
  return tool === undefined ? { list: 'global' } : { list: 'tools', id: tool }
}

/** The scope for what a caller was refused. What is no tool call has no rules of its own. */
export function scopeOfCaller({ tool, connector }: EgressCaller): Scope {
  return scopeOf({ connector, tool: tool.includes('@') ? tool : undefined })
}

/** `egress.tools.<id>`: keys under which a policy file has the rules of a scope. */
export function pathOf({ list, id }: Scope): readonly string[] {
  return id === undefined ? ['egress', list] : ['egress', list, id]
}

/** Why a rule is not proposed; none when it can be. An address has to name its ports: what answers there has no name. */
export function proposalProblems(rule: RuleFields): readonly string[] {
  const problems = allowProblems({ ...rule, at: '' })
  if (problems.length > 0 || rule.ports) return problems
  const host = canonicalHost(rule.host)
  return 'address' in host && host.address ? ['names an address without a port'] : []
}

/** The narrowest rule that allows a request. Whoever may GET may HEAD, which asks for less. */
export function narrowest(method: string, { scheme, host, port }: Target): RuleFields {
  return {
    host: host.text,
    ...(scheme === 'http' ? { schemes: ['http'] } : {}),
    ...(port !== DEFAULT_PORTS[scheme] || host.address ? { ports: [port] } : {}),
    // In a tunnel any method may be used; only a rule that names none allows one.
    ...(method === TUNNEL ? {} : { methods: method === 'GET' || method === 'HEAD' ? ['GET', 'HEAD'] : [method] }),
  }
}

/** The command that proposes a rule, as it is typed into a shell. */
export function proposingCommand({ list, id }: Scope, rule: RuleFields): string {
  const options = [
    ...(id === undefined ? [] : [list === 'tools' ? '--tool' : '--connector', id]),
    ...listed('--scheme', rule.schemes),
    ...listed('--port', rule.ports),
    ...listed('--method', rule.methods),
    ...listed('--address', rule.addresses),
  ]
  return ['cloned firewall allow', rule.host, ...options].map((word, i) => (i === 0 ? word : quoted(word))).join(' ')
}

/** What the update tool takes for a rule; nothing for everybody's rules, which no agent may propose. */
export function proposingInput(
  { list, id }: Scope,
  rule: RuleFields,
): { readonly tool: string; readonly input: JsonObject } | undefined {
  if (id === undefined) return undefined
  const input = { [list === 'tools' ? 'tool' : 'connector']: id, add: [{ ...rule }] } as unknown as JsonObject
  return { tool: UPDATE_TOOL, input }
}

function listed(flag: string, values: readonly (string | number)[] | undefined): readonly string[] {
  return values ? [flag, values.join(',')] : []
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
