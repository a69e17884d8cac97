// Decides where a secret may go; what no list of its scope names is refused.
import { ClonedError } from 'cloned/kernel'
import { hostMatches, hostPattern } from './host.js'
import type { SecretInfo, SecretScope } from './slot.js'

const NAME = /^[a-z0-9][a-z0-9_.-]{0,63}$/
const SLOT =
  /^(header:[a-z0-9!#$%&'*+.^_`|~-]{1,64}|(query|path|form):[A-Za-z0-9_.~-]{1,64}|json:(\/[^/\s]{1,64}){1,8}|env:[A-Za-z_][A-Za-z0-9_]{0,63})$/
const TOOL = /^[a-z0-9@._*-]{1,200}$/
const MAX = 50

export function isSecretName(name: unknown): boolean {
  return typeof name === 'string' && NAME.test(name)
}

/** Throws `VAULT_NAME_INVALID`. */
export function assertName(name: string): void {
  if (!isSecretName(name)) throw new ClonedError('VAULT_NAME_INVALID', { name: String(name).slice(0, 80) })
}

/** Brings a scope into canonical form, every list sorted and without repeats. Throws `VAULT_SCOPE_INVALID`. */
export function normaliseScope({ hosts, tools, slots }: SecretScope): SecretScope {
  const list = (what: string, given: readonly string[], one: (text: string) => string | undefined) => {
    if (given.length === 0 || given.length > MAX) throw invalid(`it needs one to ${MAX} ${what}s`)
    return [...new Set(given.map((text) => one(text) ?? refuse(what, text)))].sort()
  }
  return {
    hosts: list('host', hosts, hostPattern),
    tools: list('tool', tools, (text) => (TOOL.test(text) ? text : undefined)),
    slots: list('slot', slots, slotName),
  }
}

/** Header names are the same in any case, other names are not. */
export function slotName(text: string): string | undefined {
  const slot = /^header:/.test(text) ? text.toLowerCase() : text
  return SLOT.test(slot) ? slot : undefined
}

/** Why this secret may not be used so, for logs that no agent reads; `undefined` when it may. */
export function scopeRefusal(
  { scope, state, expiresAt }: SecretInfo,
  use: { readonly tool: string; readonly host: string; readonly slot: string },
  now: number,
): string | undefined {
  if (state !== 'current') return `it is ${state}`
  if (expiresAt !== undefined && expiresAt <= now) return 'it is expired'
  if (!scope.tools.some((pattern) => toolMatches(pattern, use.tool))) return `it is not for tool ${use.tool}`
  if (!hostMatches(scope.hosts, use.host)) return `it is not for host ${use.host}`
  const slot = slotName(use.slot)
  if (slot === undefined || !scope.slots.includes(slot)) return `it is not for slot ${use.slot}`
  return undefined
}

/** `*` matches any run of characters. Linear: no pattern can make it slow. */
function toolMatches(pattern: string, tool: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return tool === pattern
  if (!tool.startsWith(first) || tool.length < first.length + last.length || !tool.endsWith(last)) return false
  let at = first.length
  const end = tool.length - last.length
  for (const part of rest) {
    const found = tool.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}

function refuse(what: string, text: string): never {
  throw invalid(`${JSON.stringify(text.slice(0, 100))} is no ${what}`)
}

function invalid(problem: string): ClonedError {
  return new ClonedError('VAULT_SCOPE_INVALID', { problem })
}
