// Owns the registry: which connectors are installed and may run; nothing is installed unasked, or run unverified.
import { isAbsolute, join } from 'node:path'
import {
  afterAction,
  auditSlot,
  beforeToolCall,
  ClonedError,
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
import { TRUST_WRITE, trustSlot } from '../trust/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { isRemote } from './catalog/catalog.js'
import { catalogFetch, fetchExecutor } from './catalog/fetch.js'
import { skillPackagesPart } from './change-routes.js'
import { registryCheck } from './check.js'
import { catalogCommands } from './commands/catalog.js'
import { lookCommands } from './commands/look.js'
import { makeCommands } from './commands/make.js'
import type { CatalogCommandParts } from './commands/parts.js'
import { skillPackCommands, useCommands } from './commands/use.js'
import { voteOnCall, voteOnInstall } from './guards.js'
import { Incoming } from './incoming.js'
import { installExecutor } from './install.js'
import { judge } from './judge.js'
import { connectorDisable, connectorEnable, connectorInstall, connectorRemove } from './kinds.js'
import { LiveRegistry } from './live.js'
import { connectorPreviews } from './preview.js'
import { connectorsPart } from './routes.js'

import { afterRegistryChange, beforeConnectorInstall, type Registry, registrySlot } from './slot.js'
import { stoppedPreview } from './stopped.js'
import { switchExecutors } from './switch.js'
import { RegistryTable } from './table.js'

export { catalogFetch } from './catalog/fetch.js'
export { isDowngrade, mustRunHere, type Pin, pinsOf, verifyHead } from './judge.js'
export {
  type ConnectorChanged,
  type ConnectorInstall,
  type ConnectorSwitch,
  connectorDisable,
  connectorEnable,
  connectorInstall,
  connectorRemove,
  installInput,
  switchInput,
} from './kinds.js'
export { mustBePermitted } from './permit.js'
export { packageDirectory, placePackage, removeTree } from './place.js'
export * from './slot.js'

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
  setup({ deps, collected, config, hooks, actions, onStart, onStop, log, now }) {
    const { workspace, store, audit, policy, packages, trust, gate, firewall } = deps
    const table = new RegistryTable(store)
    const directory = () => workspace.path('packages')
    const incoming = new Incoming(() => workspace.path('packages', 'incoming'), packages.maxBytes)
    let live: LiveRegistry | undefined
    const running = (): LiveRegistry => {
      if (!live) throw new ClonedError('KERNEL_STATE', { action: 'use the registry', state: 'stopped' })
      return live
    }
    const parts = {
      packages,
      trust,
      policy,
      egress: firewall,
      table,
      incoming,
      directory,
      lock: () => workspace.path('registry.lock.jsonl'),
      file: () => workspace.path('registry.yaml'),
      refresh: () => running().refresh(),
      now,
    }
    onStart(async () => {
      await table.migrate()
      const changed: ConstructorParameters<typeof LiveRegistry>[0]['changed'] = (enabled) =>
        hooks.fire(afterRegistryChange, { enabled })
      const opened = new LiveRegistry({ ...parts, audit, changed, log })
      live = opened
      await opened.start()
    })
    onStop(() => {
      live = undefined
    })

    hooks.guard(beforeConnectorInstall, (action) => voteOnInstall(parts, action))
    hooks.guard(beforeToolCall, (call) => voteOnCall(live, policy, call))
    hooks.observe(onApprovalDecided, ({ action, state }) => {
      const { archive } = action.input as { archive?: unknown }
      if (action.kind === connectorInstall.id && state === 'denied' && typeof archive === 'string')
        incoming.discard(archive)
    })
    // A revocation ends what runs now; other processes see it at their next call.
    hooks.observe(afterAction, async ({ action, outcome }) => {
      if (action.kind === TRUST_WRITE && outcome.status === 'done') await live?.refresh()
    })
    actions.execute(connectorInstall, installExecutor(parts))
    const { enable, disable, remove } = switchExecutors(parts, running)
    actions.execute(connectorEnable, enable)
    actions.execute(connectorDisable, disable)
    actions.execute(connectorRemove, remove)
    actions.execute(catalogFetch, fetchExecutor(firewall, incoming, now))

    const registry: Registry = {
      // The list of tools is read by commands that start nothing.
      enabled: () => live?.enabled() ?? [],
      list: async () => await running().list(),
      get: async (id) => await running().get(id),
      verifyNow: async (id) => await running().verifyNow(id),
    }
    const commandParts: CatalogCommandParts = {
      gate,
      packages,
      trust,
      registry,
      incoming,
      sources: () => collected.sources().map(({ item }) => item),
      judge: (archive) => judge(parts, archive),
      now,
      catalog: { gate, trust, incoming, table, now },
      locations: () =>
        config.catalogs.map((where) => (isRemote(where) || isAbsolute(where) ? where : join(workspace.root, where))),
    }
    return {
      registry,
      commands: [makeCommands, useCommands, skillPackCommands, lookCommands, catalogCommands].flatMap((commands) =>
        commands(commandParts),
      ),
      checks: [registryCheck(registry)],
      previews: [...connectorPreviews(parts), stoppedPreview(parts)],
      routes: [connectorsPart(commandParts), skillPackagesPart(commandParts)],
    }
  },
})
