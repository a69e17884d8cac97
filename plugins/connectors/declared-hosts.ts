// Votes against requests to hosts that a connector's publisher has not signed for, however wide the rules of the policy are.
import { declares, hostOf } from 'cloned/connector'
import { type Action, type Deny, deny, type EgressSubject } from 'cloned/kernel'
import type { ConnectorTools, Offered } from './tools.js'

/** A connector has no more than the policy and its manifest both allow. Says nothing about requests of others. */
export function denyUndeclared(
  { tools, offered }: { readonly tools: Pick<ConnectorTools, 'find'>; readonly offered: () => readonly Offered[] },
  { target }: Pick<Action, 'target'>,
  { url, connector }: EgressSubject,
): Deny | undefined {
  const tool = tools.find(target)
  const hosts = tool
    ? tool.egress_hosts
    : offered()
        .find(({ manifest }) => manifest.id === connector)
        ?.manifest.tools.flatMap((each) => each.egress_hosts)
  if (!hosts || declares(hosts, hostOf(url))) return undefined
  const name = tool ? `the tool ${tool.id}` : `the connector ${connector}`
  return deny(`${name} does not declare the host ${hostOf(url)}`, { code: 'CONNECTOR_HOST' })
}
