// Puts a firewall together over a carrier, whichever it is: what may leave, the policy decides alone.
import type { Action, Approvals, EgressSubject, Gate, Logger, Tool, Verdict } from 'cloned/kernel'
import type { ApiPart } from '../api/slot.js'
import type { Command } from '../cli/slot.js'
import type { EgressJudge, Policy } from '../policy/slot.js'
import type { Workspace } from '../workspace/slot.js'
import type { Carrier } from './carrier.js'
import { firewallCommands } from './commands/index.js'
import { compileJudge, createFirewall } from './firewall.js'
import { PluginEgress } from './plugin-egress.js'
import { createResolver, type Resolve } from './resolve.js'
import { firewallPart } from './routes.js'
import { createRules } from './rules-in-force.js'
import { SafeFetch } from './safe-fetch.js'
import type { Firewall } from './slot.js'
import { fetchTool } from './tool.js'
import { Tunnels } from './tunnels.js'
import { updateTool } from './update-tool.js'
import { ownAddresses } from './vet.js'
import { voteOnRequest, voteOnRules } from './votes.js'

/** What a firewall is made of. */
export interface EgressParts {
  readonly policy: Policy
  readonly workspace: Pick<Workspace, 'path'>
  readonly gate: Gate
  readonly approvals?: Approvals | undefined
  /** Makes what carries requests; default: connections that are kept. Called once for each way out that is given. */
  readonly carrier?: (dialling: Dialling) => Carrier
  readonly now: () => number
  readonly log: Pick<Logger, 'warn'>
}

/** What a carrier finds addresses with. */
export interface Dialling {
  readonly resolve: Resolve
  /** Addresses of this machine, for `vet`. */
  readonly own: () => ReadonlySet<string>
}

/** What the owner of the slot hands to the kernel: votes to register, a step of its life, and what it contributes. */
export interface Egress {
  readonly firewall: Firewall
  /** For `hooks.guard(beforeEgress, …)`. */
  readonly voteOnRequest: (check: { readonly action: Action; readonly subject: EgressSubject }) => Verdict
  /** For `hooks.guard(onPolicyWrite, …)`: no policy by which nothing could be judged. */
  readonly voteOnRules: (action: Action) => Verdict | undefined
  /** For `onStop`. */
  readonly close: () => Promise<void>
  readonly tools: readonly Tool[]
  readonly commands: readonly Command[]
  readonly routes: readonly ApiPart[]
  readonly judges: readonly EgressJudge[]
}

/** Makes a firewall. Opens nothing until it is asked for. */
export function createEgress({ policy, workspace, gate, approvals, carrier, now, log }: EgressParts): Egress {
  const rules = createRules(() => policy.snapshot())
  const dialling = { resolve: createResolver(), own: ownAddresses }
  const parts = { rules, ...dialling, now, log, ...(carrier ? { carrier: () => carrier(dialling) } : {}) }
  const [safe, tunnels, plugins] = [new SafeFetch(parts), new Tunnels(parts), new PluginEgress(parts)]
  const firewall = createFirewall(rules, safe, tunnels, plugins)
  const change = { policy, overlay: (pack: string) => workspace.path('policy', `${pack}.yaml`) }
  return {
    firewall,
    voteOnRequest: (check) => voteOnRequest(firewall, check),
    voteOnRules: (action) => voteOnRules(policy, action),
    async close() {
      await Promise.all([safe, tunnels, plugins].map((part) => part.close()))
    },
    tools: [fetchTool(firewall.fetch), updateTool(change)],
    commands: firewallCommands({ policy, firewall, change, gate, approvals }),
    routes: [firewallPart({ firewall, policy, change, gate })],
    judges: [{ compile: compileJudge }],
  }
}
