// Wires connectors into a distribution: their tools reach the gate, their programs nothing.
import { beforeEgress, definePlugin, gateSlot, optional, scrubberSlot, toolSourcesCollection } from 'cloned/kernel'
import { commandsCollection } from '../cli/slot.js'
import { egressProxySlot } from '../egress-proxy/slot.js'
import { firewallSlot } from '../firewall/slot.js'
import { manifestSourcesCollection, packagesSlot, TOOL_PREFIX } from '../package/slot.js'
import { afterRegistryChange, registrySlot } from '../registry/slot.js'
import { sandboxSlot } from '../sandbox/slot.js'
import { trustSlot } from '../trust/slot.js'
import { vaultSlot } from '../vault/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { connectorCommands } from './commands.js'
import { Credentials } from './credentials.js'
import { denyUndeclared } from './declared-hosts.js'
import { manifestSource } from './describe.js'
import { develop } from './develop.js'
import { ConnectorHost, confined } from './host.js'
import { launch } from './launch.js'
import { connectorsConfig } from './limits.js'
import { Services } from './services.js'
import { connectorsSlot, type Supervised, type SupervisedCall, type SupervisorParts } from './slot.js'
import { Supervisor } from './supervisor.js'

export { Credentials } from './credentials.js'
export { denyUndeclared } from './declared-hosts.js'
export { manifestSource } from './describe.js'
export { develop } from './develop.js'
export { confined, notOffered, recordExemption } from './host.js'
export { type LaunchParts, launch } from './launch.js'
export { Services } from './services.js'
export * from './slot.js'
export { notStarted, Supervisor } from './supervisor.js'
export { ConnectorTools, type Offered } from './tools.js'

/** Runs the tools of connectors, each connector in a process of its own. */
export const connectorsPlugin = definePlugin({
  id: 'cloned.connectors',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Runs the tools of connectors outside of this process, confined.',
  requires: {
    gate: gateSlot,
    workspace: workspaceSlot,
    firewall: firewallSlot,
    vault: vaultSlot,
    sandbox: sandboxSlot,
    packages: packagesSlot,
    registry: optional(registrySlot),
    trust: optional(trustSlot),
    scrubber: optional(scrubberSlot),
    egress: optional(egressProxySlot),
  },
  provides: { connectors: connectorsSlot },
  contributes: { sources: toolSourcesCollection, manifests: manifestSourcesCollection, commands: commandsCollection },
  toolPrefixes: [TOOL_PREFIX],
  taps: [beforeEgress, afterRegistryChange],
  config: connectorsConfig,
  setup({ deps, config, hooks, onStop, log, now }) {
    const { firewall, vault, sandbox, registry, egress } = deps
    const credentials = new Credentials({
      vault,
      firewall,
      scrubber: deps.scrubber,
      workspace: () => deps.workspace.config.id,
      secretName: (connector, secret) => config.secrets[connector]?.[secret] ?? secret,
      now,
    })
    const parts = {
      sandbox,
      egress,
      registry,
      config,
      log,
      now,
      services: new Services(firewall, credentials, deps.scrubber, config),
    }
    const host = new ConnectorHost(parts)
    const source = manifestSource(parts)

    const hosts = { tools: host.tools, offered: () => host.offered() }
    hooks.guard(beforeEgress, ({ action, subject }) => denyUndeclared(hosts, action, subject))
    hooks.observe(afterRegistryChange, () => host.changed())
    onStop(() => host.stop())

    const connectors = {
      develop: (directory: string) =>
        develop(directory, {
          ...{ source, host, trust: deps.trust, packages: deps.packages, log, now },
          tryOut: async (connector) => await (await launch(connector, confined(parts))).stop(),
        }),
      running: () => host.running(),
      supervise: <W extends Supervised, C extends SupervisedCall>(given: SupervisorParts<W, C>) =>
        new Supervisor(given),
    }
    return {
      connectors,
      sources: [{ prefix: TOOL_PREFIX, list: () => host.tools.list(host.offered()) }],
      manifests: [source],
      commands: connectorCommands(connectors, deps.gate),
    }
  },
})
