// A firewall of a third party: each request over a connection of its own, kept by nobody; the rules of the policy decide.
import {
  approvalsSlot,
  beforeEgress,
  definePlugin,
  gateSlot,
  onPolicyWrite,
  optional,
  toolsCollection,
} from 'cloned/kernel'
import { commandsCollection } from 'cloned/plugins/cli'
import { createEgress, firewallSlot } from 'cloned/plugins/firewall'
import { egressJudgesCollection, policySlot } from 'cloned/plugins/policy'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { PlainCarrier } from './carrier.js'

/** List it, and say so: `replace: { 'cloned.firewall': 'acme.firewall' }`. */
export default definePlugin({
  id: 'acme.firewall',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Lets out what the policy allows, each request over a connection of its own.',
  requires: { policy: policySlot, workspace: workspaceSlot, gate: gateSlot, approvals: optional(approvalsSlot) },
  provides: { firewall: firewallSlot },
  contributes: { tools: toolsCollection, commands: commandsCollection, judges: egressJudgesCollection },
  taps: [beforeEgress, onPolicyWrite],
  setup({ deps, hooks, onStop, log, now }) {
    const carrier = (dialling: ConstructorParameters<typeof PlainCarrier>[0]) => new PlainCarrier(dialling)
    const egress = createEgress({ ...deps, carrier, log, now })
    onStop(egress.close)
    // Without these two the rules of the policy count for nothing.
    hooks.guard(beforeEgress, egress.voteOnRequest)
    hooks.guard(onPolicyWrite, egress.voteOnRules)
    const { firewall, tools, commands, judges } = egress
    return { firewall, tools, commands, judges }
  },
})
