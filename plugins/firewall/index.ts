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
import { firewallCommands } from './commands/index.js'
import { compileJudge, createFirewall } from './firewall.js'
import { PluginEgress } from './plugin-egress.js'
import { createResolver } from './resolve.js'
import { firewallPart } from './routes.js'
import { createRules } from './rules-in-force.js'
import { SafeFetch } from './safe-fetch.js'
import { firewallSlot } from './slot.js'
import { fetchTool } from './tool.js'
import { Tunnels } from './tunnels.js'
import { updateTool } from './update-tool.js'
import { ownAddresses } from './vet.js'
import { voteOnRequest, voteOnRules } from './votes.js'

export { firewallCommands } from './commands/index.js'
export { compileEgress } from './decide.js'
export { decode } from './decode.js'
export { denied } from './explain.js'
export { compileJudge, createFirewall } from './firewall.js'
export { type Hop, isRedirect, MAX_REDIRECTS, nextHop } from './redirect.js'
export { outgoing } from './request.js'
export { createResolver, type Resolve } from './resolve.js'
export { ReceivedResponse } from './response.js'
export { granted, type RulesInForce, revocation } from './revocation.js'
export { TUNNEL } from './rule.js'
export { createRules } from './rules-in-force.js'
export type { CheckHop } from './safe-fetch.js'
export { type Bound, bindSecrets } from './secrets.js'
export * from './slot.js'
export { parseTarget, type Target } from './target.js'
export { fetchTool } from './tool.js'
export { Tunnels } from './tunnels.js'
export { updateTool } from './update-tool.js'
export { ownAddresses, vet } from './vet.js'
export { voteOnRequest, voteOnRules } from './votes.js'

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
  setup({ deps: { policy, workspace, gate, approvals }, hooks, onStop, log, now }) {
    const rules = createRules(() => policy.snapshot())
    const resolve = createResolver()
    const parts = { rules, resolve, own: ownAddresses, now, log }
    const safe = new SafeFetch(parts)
    const tunnels = new Tunnels(parts)
    onStop(() => safe.close())
    onStop(() => tunnels.close())
    const plugins = new PluginEgress(parts)
    onStop(() => plugins.close())
    const firewall = createFirewall(rules, safe, tunnels, plugins)
    const overlay = (pack: string) => workspace.path('policy', `${pack}.yaml`)
    const change = { policy, overlay }

    hooks.guard(beforeEgress, (check) => voteOnRequest(firewall, check))
    hooks.guard(onPolicyWrite, (action) => voteOnRules(policy, action))
    return {
      firewall,
      tools: [fetchTool(firewall.fetch), updateTool(change)],
      commands: firewallCommands({ policy, firewall, change, gate, approvals }),
      routes: [firewallPart({ firewall, policy, change, gate })],
      judges: [{ compile: compileJudge }],
    }
  },
})
