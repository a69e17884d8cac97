// A registry of a third party: what was approved lies in files that the audit log vouches for; it only wires them.
import { afterAction, auditSlot, beforeToolCall, definePlugin, gateSlot, onApprovalDecided } from 'cloned/kernel'
import { commandsCollection } from 'cloned/plugins/cli'
import { packagesSlot } from 'cloned/plugins/package'
import { policySlot } from 'cloned/plugins/policy'
import {
  afterRegistryChange,
  beforeConnectorInstall,
  connectorDisable,
  connectorEnable,
  connectorInstall,
  connectorRemove,
  createRegistry,
  registrySlot,
} from 'cloned/plugins/registry'
import { trustSlot } from 'cloned/plugins/trust'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { fileTable } from './table.js'

/** List it, and say so: `replace: { 'cloned.registry': 'acme.registry' }`. */
export default definePlugin({
  id: 'acme.registry',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Installed connectors, kept in files that count only as the audit log knows them.',
  requires: {
    workspace: workspaceSlot,
    audit: auditSlot,
    packages: packagesSlot,
    trust: trustSlot,
    policy: policySlot,
    gate: gateSlot,
  },
  provides: { registry: registrySlot },
  contributes: { commands: commandsCollection },
  taps: [beforeConnectorInstall, beforeToolCall, onApprovalDecided, afterAction],
  fires: [afterRegistryChange],
  executes: [connectorInstall, connectorEnable, connectorDisable, connectorRemove],
  setup({ deps, hooks, actions, onStart, onStop, now, log }) {
    const { registry, commands, start, stop, ...parts } = createRegistry({
      ...deps,
      table: fileTable(() => deps.workspace.path('acme-registry'), deps.audit, now),
      changed: (enabled) => hooks.fire(afterRegistryChange, { enabled }),
      now,
      log,
    })
    onStart(start)
    onStop(stop)
    hooks.guard(beforeConnectorInstall, parts.voteOnInstall)
    // Without this vote what was revoked could still be called.
    hooks.guard(beforeToolCall, parts.voteOnCall)
    hooks.observe(onApprovalDecided, parts.decided)
    hooks.observe(afterAction, parts.acted)
    actions.execute(connectorInstall, parts.install)
    actions.execute(connectorEnable, parts.enable)
    actions.execute(connectorDisable, parts.disable)
    actions.execute(connectorRemove, parts.remove)
    return { registry, commands }
  },
})
