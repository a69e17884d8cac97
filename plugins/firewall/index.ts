// Wires the firewall into a distribution: the rules of the policy in force decide; without them nothing leaves.
import {
  approvalsSlot,
  beforeEgress,
  definePlugin,
  gateSlot,
  onPolicyWrite,
  optional,
  toolsCollection,
} from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { egressJudgesCollection, policySlot } from '../policy/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { createEgress } from './egress.js'
import { firewallSlot } from './slot.js'

// Parts for an owner of the slot that sends requests in its own way: its own carrier, and a firewall over any.
export type { Carried, Carrier, Sending } from './carrier.js'
export { createEgress, type Dialling, type Egress, type EgressParts } from './egress.js'
export type { Received } from './exchange.js'
export type { AddressPolicy } from './rule.js'
export type { Bound } from './secrets.js'
export * from './slot.js'
export type { Target } from './target.js'
export { vet } from './vet.js'

/** Decides which requests leave, and makes them. */
export const firewallPlugin = definePlugin({
  id: 'cloned.firewall',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Lets out only the requests that the egress rules of the policy allow.',
  requires: { policy: policySlot, workspace: workspaceSlot, gate: gateSlot, approvals: optional(approvalsSlot) },
  provides: { firewall: firewallSlot },
  contributes: {
    tools: toolsCollection,
    commands: commandsCollection,
    routes: routesCollection,
    judges: egressJudgesCollection,
  },
  taps: [beforeEgress, onPolicyWrite],
  setup({ deps, hooks, onStop, log, now }) {
    const egress = createEgress({ ...deps, log, now })
    onStop(egress.close)
    hooks.guard(beforeEgress, egress.voteOnRequest)
    hooks.guard(onPolicyWrite, egress.voteOnRules)
    const { firewall, tools, commands, routes, judges } = egress
    return { firewall, tools, commands, routes, judges }
  },
})
