// Checks one egress rule of the policy and says what it covers; a rule that is broader or vaguer than it looks is refused.
import { createRequire } from 'node:module'
import type { EgressRule } from '../policy/slot.js'
import { type Cidr, classify, formatCidr, isGrantable, parseAddress, parseCidr } from './address.js'
import { canonicalHost } from './host.js'
import { DEFAULT_PORTS, type Scheme } from './target.js'

/** Which addresses a host may be contacted at besides public ones. */
export interface AddressPolicy {
  /** The granted ranges in one spelling; empty for none. Equal ids mean equal policies. */
  readonly id: string
  readonly grants: readonly Cidr[]
}

/** What a rule covers besides its host; `undefined` covers everything. */
export interface Cover {
  readonly schemes: readonly Scheme[] | undefined
  readonly ports: readonly number[] | undefined
  readonly methods: readonly string[] | undefined
  readonly addresses: AddressPolicy
}

/** The method of a connection in which every method may be used. No rule names it: a list of methods never allows it. */
export const TUNNEL = 'CONNECT'

const PUBLIC_ONLY: AddressPolicy = Object.freeze({ id: '', grants: Object.freeze([]) })

/** Ports of orchestrators and node agents: whoever reaches them on a private network owns it. */
const CONTROL_PORTS = new Set([2379, 2380, 6443, 10250, 10255])

/** Names under which anybody gets a host, and which the list of public suffixes does not have: they spell addresses. */
const SHARED = new Set(['nip.io', 'sslip.io', 'xip.io', 'localtest.me', 'lvh.me', 'traefik.me'])

/** Every problem of an allow rule, worded as what the rule does; none for a rule that can be compiled. */
export function allowProblems(rule: EgressRule): readonly string[] {
  const { host, schemes = [], ports, addresses = [] } = rule
  const unclear = denyProblems(rule)
  if (unclear.length > 0) return unclear
  const problems: string[] = []
  const literal = literalOf(host)
  if (host.startsWith('*.') && isShared(host.slice(2))) {
    problems.push('allows names that belong to different owners: name the hosts one by one')
  }
  if (literal && !isGrantable(literal)) problems.push('names an address that is never contacted')
  if (schemes.length > 1 && ports) problems.push('names ports for two schemes at once: write one rule for each scheme')
  for (const text of addresses) {
    const range = parseCidr(text)
    if (!range || formatCidr(range) !== text) problems.push(`grants ${text}, which is not a range in its one spelling`)
    else if (!isGrantable(range)) problems.push(`grants ${text}, which is not within one private or loopback range`)
  }
  const inner = addresses.length > 0 || (literal !== undefined && classify(literal.base) !== 'public')
  if (inner && !ports) problems.push('opens private addresses without naming ports')
  const control = (ports ?? []).filter((port) => CONTROL_PORTS.has(port))
  if (inner && control.length > 0) problems.push(`opens port ${control.join(', ')}, which controls a private network`)
  return problems
}

/** The same for a deny rule, which may be as broad as it likes. */
export function denyProblems({ host }: EgressRule): readonly string[] {
  const wild = host.startsWith('*.')
  const read = canonicalHost(wild ? `x.${host.slice(2)}` : host)
  if ('refused' in read) return [`names no host: ${read.reason}`]
  const text = wild ? `*.${read.text.slice(2)}` : read.text
  return text === host ? [] : [`does not name the host in its one spelling: ${text}`]
}

/** What an allow rule covers: the narrowest that it can mean. */
export function allowCover({ host, schemes = ['https'], ports, methods, addresses = [] }: EgressRule): Cover {
  const grants = [literalOf(host), ...addresses.map(parseCidr)].filter((grant) => grant !== undefined)
  return {
    schemes,
    ports: ports ?? schemes.map((scheme) => DEFAULT_PORTS[scheme]),
    methods,
    addresses: grants.length === 0 ? PUBLIC_ONLY : { id: grants.map(formatCidr).sort().join(' '), grants },
  }
}

/** What a deny rule covers: everything that it does not limit. One method that is denied denies the tunnel. */
export function denyCover({ schemes, ports, methods }: EgressRule): Cover {
  return { schemes, ports, methods: methods && [...methods, TUNNEL], addresses: PUBLIC_ONLY }
}

/** The one address that a rule names instead of a name. */
function literalOf(host: string): Cidr | undefined {
  const base = parseAddress(host.startsWith('[') ? host.slice(1, -1) : host)
  return base && { base, bits: base.length * 16 }
}

const require = createRequire(import.meta.url)

/** Whether names right below this one belong to whoever registers them. Loads the list of public suffixes. */
function isShared(name: string): boolean {
  const { getPublicSuffix } = require('tldts') as typeof import('tldts')
  return SHARED.has(name) || getPublicSuffix(name, { allowPrivateDomains: true }) === name
}
