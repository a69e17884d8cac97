// Decides what the policy says about a package that is to be installed; it never widens the policy.
import { ClonedError, compilePattern } from 'cloned/kernel'
import type { Firewall } from '../firewall/slot.js'
import { type ConnectorManifest, toolIdAtGate } from '../package/slot.js'
import type { Answer, AnswerLists, PolicySnapshot } from '../policy/slot.js'

/** What answers here whether a tool may reach a host. */
export type Egress = Pick<Firewall, 'decide'> | undefined

/**
 * Throws `CONNECTOR_REFUSED` for a publisher, for a tool that the policy would never let be called, and for what it needs
 * and would never get.
 */
export function mustBePermitted(manifest: ConnectorManifest, policy: PolicySnapshot, egress: Egress): void {
  const { id, publisher_id, tools, requires_capabilities } = manifest
  const { capabilities, tools: lists } = policy
  const refuse = (problem: string) =>
    new ClonedError('CONNECTOR_REFUSED', { id, problem, next: 'See what the policy allows: cloned policy show' })
  if (publisherAnswer(publisher_id, policy) === 'deny') {
    throw refuse(`the policy denies packages of publisher ${publisher_id}`)
  }
  const needed = requires_capabilities.find((capability) => listed(capabilities.deny, capability))
  if (needed !== undefined) throw refuse(`the policy denies the capability ${needed}, which it needs`)
  const [host] = hostsAnswered(manifest, egress, 'DENIED')
  if (host !== undefined) throw refuse(`the policy denies requests to ${host}`)
  for (const { id: tool, capability, risk } of tools) {
    const gateId = toolIdAtGate(tool)
    if (listed(lists.deny, gateId)) throw refuse(`the policy denies the tool ${gateId}`)
    if (listed(capabilities.deny, capability)) throw refuse(`the policy denies the capability ${capability} of ${tool}`)
    const named = answerOf(lists, gateId) ?? answerOf(capabilities, capability)
    if (lists.risk[risk] === 'deny' && !named) throw refuse(`the policy denies tools of ${risk} risk, such as ${tool}`)
  }
}

/** Hosts of a package that no rule lets its tools reach yet. */
export function hostsWithoutRule(manifest: ConnectorManifest, egress: Egress): readonly string[] {
  return hostsAnswered(manifest, egress, 'NO_RULE')
}

function hostsAnswered({ id, tools }: ConnectorManifest, egress: Egress, code: 'DENIED' | 'NO_RULE'): string[] {
  const answers = (tool: string, host: string) =>
    // A name below `*.` stands for all of them; a rule for one method says nothing about the others.
    ['GET', 'POST'].map((method) =>
      egress?.decide({ tool, connector: id }, method, `https://${host.replace('*.', 'any.')}/`),
    )
  const found = tools.flatMap(({ id: tool, egress_hosts: hosts }) =>
    hosts.filter((host) =>
      answers(toolIdAtGate(tool), host).every((each) => each && !each.allowed && each.code === code),
    ),
  )
  return [...new Set(found)].sort()
}

/** What the policy says of packages of this publisher. */
export function publisherAnswer(publisher: string, { publishers }: PolicySnapshot): Answer {
  return answerOf(publishers, publisher) ?? publishers.others
}

function answerOf(lists: AnswerLists, value: string): Answer | undefined {
  return (['deny', 'ask', 'allow'] as const).find((answer) => listed(lists[answer], value))
}

function listed(patterns: readonly string[], value: string): boolean {
  return patterns.some((pattern) => pattern === value || (pattern.includes('*') && compilePattern(pattern)(value)))
}
