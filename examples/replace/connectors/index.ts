// Runs connectors for a third party: a process for each call, which ends with it; their tools reach the gate, nothing else.
import { beforeEgress, definePlugin, gateSlot, optional, scrubberSlot, toolSourcesCollection } from 'cloned/kernel'
import {
  type Connectors,
  ConnectorTools,
  Credentials,
  confined,
  connectorsSlot,
  denyUndeclared,
  develop,
  type LaunchParts,
  launch,
  manifestSource,
  Services,
  Supervisor,
} from 'cloned/plugins/connectors'
import { egressProxySlot } from 'cloned/plugins/egress-proxy'
import { firewallSlot } from 'cloned/plugins/firewall'
import { manifestSourcesCollection, packagesSlot, TOOL_PREFIX } from 'cloned/plugins/package'
import { afterRegistryChange, registrySlot } from 'cloned/plugins/registry'
import { sandboxSlot } from 'cloned/plugins/sandbox'
import { trustSlot } from 'cloned/plugins/trust'
import { vaultSlot } from 'cloned/plugins/vault'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { OneShotRunner } from './one-shot.js'

/** List it, and say so: `replace: { 'cloned.connectors': 'acme.connectors' }`. */
export default definePlugin({
  id: 'acme.connectors',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Runs each call of a connector in a confined process of its own.',
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
  contributes: { sources: toolSourcesCollection, manifests: manifestSourcesCollection },
  toolPrefixes: [TOOL_PREFIX],
  taps: [beforeEgress, afterRegistryChange],
  setup({ deps, hooks, onStop, log, now }) {
    const { firewall, vault, sandbox, registry, egress, scrubber, trust, packages, workspace } = deps
    const secretName = (_: string, secret: string) => secret
    const credentials = new Credentials({
      ...{ vault, firewall, scrubber, secretName, now },
      workspace: () => workspace.config.id,
    })
    const parts: LaunchParts = {
      ...{ sandbox, egress, log, now },
      config: { startMs: 10_000, graceMs: 2_000 },
      services: new Services(firewall, credentials, scrubber, { requests: 1_000 }),
    }
    const runner = new OneShotRunner(parts, registry)
    const tools = new ConnectorTools((offered, tool, input, ctx) => runner.run(offered, tool, input, ctx))
    const source = manifestSource(parts)
    const offered = () => runner.offered()

    hooks.guard(beforeEgress, ({ action, subject }) => denyUndeclared({ tools, offered }, action, subject))
    hooks.observe(afterRegistryChange, () => runner.changed())
    onStop(() => runner.stop())

    const connectors: Connectors = {
      develop: (directory) =>
        develop(directory, {
          ...{ source, host: runner, trust, packages, log, now },
          tryOut: async (connector) => await (await launch(connector, confined(parts))).stop(),
        }),
      running: () => runner.running(),
      supervise: (given) => new Supervisor(given),
    }
    return { connectors, sources: [{ prefix: TOOL_PREFIX, list: () => tools.list(offered()) }], manifests: [source] }
  },
})
