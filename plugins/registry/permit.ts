// Decides whether the policy lets a package be installed, and whether somebody has to be asked; it never widens the policy.
import { ClonedError, compilePattern } from 'cloned/kernel'
import type { ConnectorManifest } from '../package/slot.js'
import type { PolicySnapshot } from '../policy/slot.js'

interface Lists {
  readonly deny: readonly string[]
  readonly ask: readonly string[]
  readonly allow: readonly string[]
}

/** The lists that a policy may have about publishers and capabilities. */
type Snapshot = Pick<PolicySnapshot, 'tools'> & { readonly publishers?: Lists; readonly capabilities?: Lists }

const NONE: Lists = { deny: [], ask: [], allow: [] }

/** Throws `CONNECTOR_REFUSED` for a publisher, a capability or a risk that the policy rules out. */
export function mustBePermitted({ id, publisher_id, tools }: ConnectorManifest, policy: PolicySnapshot): void {
  const { publishers = NONE, capabilities = NONE, tools: lists } = policy as Snapshot
  const refuse = (problem: string) =>
    new ClonedError('CONNECTOR_REFUSED', { id, problem, next: 'See what the policy allows: cloned policy show' })
  if (listed(publishers.deny, publisher_id)) throw refuse(`the policy denies packages of publisher ${publisher_id}`)
  for (const { id: tool, capability, risk } of tools) {
    if (listed(capabilities.deny, capability)) throw refuse(`the policy denies the capability ${capability} of ${tool}`)
    const named =
      listed([...lists.ask, ...lists.allow], tool) || listed([...capabilities.ask, ...capabilities.allow], capability)
    if (lists.risk[risk] === 'deny' && !named) throw refuse(`the policy denies tools of ${risk} risk, such as ${tool}`)
  }
}

/** Whether packages of this publisher need no question of their own. */
export function isUnasked(publisher: string, policy: PolicySnapshot): boolean {
  const { publishers = NONE } = policy as Snapshot
  return listed(publishers.allow, publisher) && !listed(publishers.ask, publisher)
}

function listed(patterns: readonly string[], value: string): boolean {
  return patterns.some((pattern) => pattern === value || (pattern.includes('*') && compilePattern(pattern)(value)))
}
