// Wires the firewall into a distribution: the rules of the policy in force decide; without them nothing leaves.
import {
  allow,
  approvalsSlot,
  beforeEgress,
  definePlugin,
  deny,
  gateSlot,
  isClonedError,
  onPolicyWrite,
  optional,
  type PolicyWrite,
  toolOf,
  toolsCollection,
} from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { egressJudgesCollection, policySlot } from '../policy/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { firewallCommands } from './commands/index.js'
import { compileEgress } from './decide.js'
import { callerOf, compileJudge, createFirewall } from './firewall.js'
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

export * from './slot.js'

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

    hooks.guard(beforeEgress, ({ action, subject }) => {
      const { decision, next } = firewall.explain(callerOf(toolOf(action), subject), subject.method, subject.url)
      if (decision.allowed) return allow(decision.rule)
      const { reason, rule } = decision
      return deny(reason, { code: 'EGRESS_DENIED', help: next, ...(rule === undefined ? {} : { rule }) })
    })
    hooks.guard(onPolicyWrite, ({ input }) => {
      try {
        compileEgress(policy.preview((input as PolicyWrite).content).egress)
        return undefined
      } catch (error) {
        if (!isClonedError(error)) throw error
        return deny(error.message, { code: error.code, help: error.help })
      }
    })
    return {
      firewall,
      tools: [fetchTool(firewall.fetch), updateTool(change)],
      commands: firewallCommands({ policy, firewall, change, gate, approvals }),
      routes: [firewallPart({ firewall, policy, change, gate })],
      judges: [{ compile: compileJudge }],
    }
  },
})
