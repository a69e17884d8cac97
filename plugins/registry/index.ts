// Wires the registry into a distribution: its table, its hooks, its configuration; decides nothing itself.
import {
  afterAction,
  auditSlot,
  beforeToolCall,
  configSchema,
  definePlugin,
  gateSlot,
  onApprovalDecided,
  optional,
} from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { previewsCollection } from '../approvals/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { doctorChecksCollection } from '../doctor/slot.js'
import { firewallSlot } from '../firewall/slot.js'
import { manifestSourcesCollection, packagesSlot } from '../package/slot.js'
import { policySlot } from '../policy/slot.js'
import { storeSlot } from '../store/slot.js'
import { trustSlot } from '../trust/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { catalogFetch } from './catalog/fetch.js'
import { connectorDisable, connectorEnable, connectorInstall, connectorRemove } from './kinds.js'
import { createRegistry } from './registry.js'
import { afterRegistryChange, beforeConnectorInstall, registrySlot } from './slot.js'
import { StoredTable } from './table.js'

export { type CatalogFetch, type CatalogFetched, catalogFetch } from './catalog/fetch.js'
export {
  type ConnectorChanged,
  type ConnectorInstall,
  type ConnectorSwitch,
  connectorDisable,
  connectorEnable,
  connectorInstall,
  connectorRemove,
} from './kinds.js'
// Parts for an owner of the slot that keeps elsewhere what was approved: its own table, and a registry over any.
export { createRegistry, type OpenRegistry, type RegistryParts } from './registry.js'
export * from './slot.js'
export type { Installed, Pin, RegistryState, RegistryTable, SeenCatalog } from './table.js'

const config = configSchema<{ readonly catalogs: readonly string[] }>({
  type: 'object',
  additionalProperties: false,
  properties: {
    catalogs: {
      type: 'array',
      default: [],
      maxItems: 20,
      items: { type: 'string', minLength: 1, maxLength: 2000 },
      description: 'Catalogs of connectors: directories, relative to the workspace, and URLs.',
    },
  },
})

export const registryPlugin = definePlugin({
  id: 'cloned.registry',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Connector packages: installed, enabled and verified each time',
  requires: {
    workspace: workspaceSlot,
    store: storeSlot,
    audit: auditSlot,
    policy: policySlot,
    packages: packagesSlot,
    trust: trustSlot,
    gate: gateSlot,
    firewall: optional(firewallSlot),
  },
  provides: { registry: registrySlot },
  owns: { sources: manifestSourcesCollection },
  contributes: {
    commands: commandsCollection,
    checks: doctorChecksCollection,
    previews: previewsCollection,
    routes: routesCollection,
  },
  taps: [beforeConnectorInstall, beforeToolCall, onApprovalDecided, afterAction],
  fires: [afterRegistryChange],
  executes: [connectorInstall, connectorEnable, connectorDisable, connectorRemove, catalogFetch],
  config,
  setup({ deps, collected, config: { catalogs }, hooks, actions, onStart, onStop, log, now }) {
    const table = new StoredTable(deps.store)
    const open = createRegistry({
      ...deps,
      table,
      sources: () => collected.sources().map(({ item }) => item),
      catalogs,
      changed: (enabled) => hooks.fire(afterRegistryChange, { enabled }),
      now,
      log,
    })
    onStart(async () => {
      await table.migrate()
      await open.start()
    })
    onStop(open.stop)
    hooks.guard(beforeConnectorInstall, open.voteOnInstall)
    hooks.guard(beforeToolCall, open.voteOnCall)
    hooks.observe(onApprovalDecided, open.decided)
    hooks.observe(afterAction, open.acted)
    actions.execute(connectorInstall, open.install)
    actions.execute(connectorEnable, open.enable)
    actions.execute(connectorDisable, open.disable)
    actions.execute(connectorRemove, open.remove)
    actions.execute(catalogFetch, open.fetch)
    const { registry, commands, checks, previews, routes } = open
    return { registry, commands, checks, previews, routes }
  },
})
