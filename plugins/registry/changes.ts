// Words what an installation brings, and what it changes, from the verified manifest; computed, never taken from a caller.
import type { ConnectorManifest, PackageTool } from '../package/slot.js'
import { packLimits } from './pack-limits.js'

const MAX_SHOWN = 12
const RISKS = ['low', 'medium', 'high']

/** What a package may do, as lists of short texts by what they are about. */
type Reach = Readonly<Record<string, readonly string[]>>

function reachOf({ tools, provides_capabilities, requires_capabilities, runtime }: ConnectorManifest): Reach {
  if (runtime.kind === 'skills') {
    const connectors = Object.entries(runtime.connectors).map(([id, range]) => `needs ${id} ${range}`)
    return { tools: runtime.allowed_tools.map((id) => `calls ${id}`), connectors, ...packLimits(runtime) }
  }
  const program = runtime.kind === 'command' ? [`runs ${runtime.command[0]}`] : []
  const needs = requires_capabilities.map((capability) => `needs ${capability}`)
  return {
    tools: tools.map(({ id, risk }) => `${id} (${risk})`),
    capabilities: [...provides_capabilities, ...needs, ...program],
    hosts: unique(tools.flatMap(({ egress_hosts }) => egress_hosts)),
    secrets: unique(
      tools.flatMap(({ auth }) => auth.flatMap(({ secret, hosts }) => hosts.map((host) => `${secret} to ${host}`))),
    ),
  }
}

/** Clauses for the person who decides. */
export function describeInstall(next: ConnectorManifest, before: ConnectorManifest | undefined): string[] {
  const after = reachOf(next)
  const whole = Object.entries(after).map(([list, texts]) => `${list}: ${listed(texts)}`)
  return before ? [changesFrom(next, before), ...whole] : whole
}

/** One clause about what a version changes. */
export function changesFrom(next: ConnectorManifest, before: ConnectorManifest): string {
  const after = reachOf(next)
  const present = reachOf(before)
  const changed = Object.keys({ ...after, ...present }).flatMap((list) => [
    ...clause(`adds ${list}`, missing(after[list], present[list])),
    ...clause(`removes ${list}`, missing(present[list], after[list])),
  ])
  const contracts = next.tools
    .filter((tool) => (toolOf(before, tool.id)?.contract_sha256 ?? tool.contract_sha256) !== tool.contract_sha256)
    .map(({ id }) => id)
  const changes = [...changed, ...clause('changes the contract of', contracts)]
  return changes.length === 0 ? 'changes nothing of what it may do' : changes.join(', ')
}

/**
 * Whether a version may do anything that the one before could not; a tool of another contract counts as another tool, and
 * what another publisher made as another connector.
 */
export function widens(next: ConnectorManifest, before: ConnectorManifest): boolean {
  if (next.publisher_id !== before.publisher_id) return true
  const after = reachOf(next)
  const present = reachOf(before)
  if (Object.keys(after).some((list) => list !== 'tools' && missing(after[list], present[list]).length > 0)) return true
  // Another program, or a skill pack that is held to something else.
  if (JSON.stringify(next.runtime) !== JSON.stringify(before.runtime)) return true
  return next.tools.some((tool) => {
    const known = toolOf(before, tool.id)
    return (
      !known || RISKS.indexOf(tool.risk) > RISKS.indexOf(known.risk) || tool.contract_sha256 !== known.contract_sha256
    )
  })
}

function toolOf({ tools }: ConnectorManifest, id: string): PackageTool | undefined {
  return tools.find((tool) => tool.id === id)
}

function missing(some: readonly string[] = [], from: readonly string[] = []): string[] {
  return some.filter((text) => !from.includes(text))
}

function clause(verb: string, texts: readonly string[]): string[] {
  return texts.length === 0 ? [] : [`${verb} ${listed(texts)}`]
}

function listed(texts: readonly string[]): string {
  if (texts.length === 0) return 'none'
  const more = texts.length > MAX_SHOWN ? ` and ${texts.length - MAX_SHOWN} more` : ''
  return `${texts.slice(0, MAX_SHOWN).join(', ')}${more}`
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort()
}
