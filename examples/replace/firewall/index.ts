// A firewall of a third party: requests over connections of their own, kept by nobody; the rules of the policy decide.
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
import {
  compileEgress,
  compileJudge,
  createFirewall,
  createResolver,
  createRules,
  fetchTool,
  firewallCommands,
  firewallSlot,
  ownAddresses,
  type PluginCaller,
  Tunnels,
  updateTool,
  voteOnRequest,
  voteOnRules,
} from 'cloned/plugins/firewall'
import { egressJudgesCollection, policySlot } from 'cloned/plugins/policy'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { PlainFetch } from './plain-fetch.js'

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
  setup({ deps: { policy, workspace, gate, approvals }, hooks, onStop, log, now }) {
    const rules = createRules(() => policy.snapshot())
    const base = { resolve: createResolver(), own: ownAddresses }
    const own: PlainFetch[] = []
    const fetching = (given: typeof rules) => {
      const made = new PlainFetch({ ...base, rules: given })
      own.push(made)
      return made
    }
    const tunnels = new Tunnels({ ...base, rules, now, log })
    onStop(async () => {
      for (const each of own) each.close()
      await tunnels.close()
    })

    /** By the hosts of the plugin's configuration alone: what agents may reach is not asked, nor widened. */
    function forPlugin({ plugin, hosts }: PluginCaller) {
      const allow = hosts.map((host) => ({ ...host, at: `the configuration of ${plugin}` }))
      const decide = compileEgress({ global: { deny: [], allow }, connectors: {}, tools: {} })
      const plain = fetching(() => ({ epoch: 0, decide }))
      return (url: string | URL, init = {}) =>
        plain.fetch({ tool: plugin }, String(url), init, () => undefined, signalsOf(init))
    }

    const firewall = createFirewall(rules, fetching(rules), tunnels, { forPlugin })
    hooks.guard(beforeEgress, (check) => voteOnRequest(firewall, check))
    hooks.guard(onPolicyWrite, (action) => voteOnRules(policy, action))
    const change = { policy, overlay: (pack: string) => workspace.path('policy', `${pack}.yaml`) }
    return {
      firewall,
      tools: [fetchTool(firewall.fetch), updateTool(change)],
      commands: firewallCommands({ policy, firewall, change, gate, approvals }),
      judges: [{ compile: compileJudge }],
    }
  },
})

function signalsOf({ signal }: { readonly signal?: AbortSignal }): readonly AbortSignal[] {
  return signal ? [signal] : []
}
