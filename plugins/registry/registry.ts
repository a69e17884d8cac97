// Puts a registry together over a table, whichever it is; nothing is installed unasked, and nothing runs unverified.
import { isAbsolute, join } from 'node:path'
import {
  type Action,
  type ApprovalRequest,
  type AuditLog,
  ClonedError,
  type Executor,
  type Gate,
  type Logger,
  type Outcome,
  type ToolCall,
  type Verdict,
} from 'cloned/kernel'
import type { ApiPart } from '../api/slot.js'
import type { Previewer } from '../approvals/slot.js'
import type { Command } from '../cli/slot.js'
import type { DoctorCheck } from '../doctor/slot.js'
import type { Firewall } from '../firewall/slot.js'
import type { ManifestSource, Packages } from '../package/slot.js'
import type { Policy } from '../policy/slot.js'
import { TRUST_WRITE, type Trust } from '../trust/slot.js'
import type { Workspace } from '../workspace/slot.js'
import { isRemote } from './catalog/catalog.js'
import { type CatalogFetch, type CatalogFetched, fetchExecutor } from './catalog/fetch.js'
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
import { type ConnectorChanged, type ConnectorInstall, type ConnectorSwitch, connectorInstall } from './kinds.js'
import { LiveRegistry } from './live.js'
import { connectorPreviews } from './preview.js'
import { connectorsPart } from './routes.js'
import type { EnabledConnector, Registry } from './slot.js'
import { stoppedPreview } from './stopped.js'
import { switchExecutors } from './switch.js'
import type { RegistryTable } from './table.js'

/** What a registry is made of. */
export interface RegistryParts {
  readonly table: RegistryTable
  readonly workspace: Pick<Workspace, 'root' | 'path'>
  readonly audit: Pick<AuditLog, 'append' | 'latest'>
  readonly policy: Pick<Policy, 'snapshot'>
  readonly packages: Packages
  readonly trust: Trust
  readonly gate: Gate
  /** Without it nothing is fetched. */
  readonly firewall?: Firewall | undefined
  /** What packages of connectors are made from; read when a command runs. */
  readonly sources?: () => readonly ManifestSource[]
  /** Directories, relative to the workspace, and URLs. */
  readonly catalogs?: readonly string[]
  /** The connectors that may run are others now: for `hooks.fire(afterRegistryChange, …)`. */
  readonly changed: (enabled: readonly EnabledConnector[]) => void
  readonly now: () => number
  readonly log: Pick<Logger, 'warn'>
}

/** What the owner of the slot hands to the kernel: handlers to register, steps of its life, and what it contributes. */
export interface OpenRegistry {
  readonly registry: Registry
  /** For `onStart`, once the table can be used. */
  start(): Promise<void>
  /** For `onStop`. */
  stop(): void
  /** For `hooks.guard(beforeConnectorInstall, …)`. */
  voteOnInstall(action: Action): Promise<Verdict | undefined>
  /** For `hooks.guard(beforeToolCall, …)`: without it what was revoked could still be called. */
  voteOnCall(call: ToolCall): Promise<Verdict | undefined> | undefined
  /** For `hooks.observe(onApprovalDecided, …)`. */
  decided(request: ApprovalRequest): void
  /** For `hooks.observe(afterAction, …)`: a revocation ends what runs now. */
  acted(done: { readonly action: Action; readonly outcome: Outcome }): Promise<void>
  /** For `actions.execute`, by the kinds `connectorInstall` to `connectorRemove`, and `catalogFetch`. */
  readonly install: Executor<ConnectorInstall, ConnectorChanged>
  readonly enable: Executor<ConnectorSwitch, ConnectorChanged>
  readonly disable: Executor<ConnectorSwitch, ConnectorChanged>
  readonly remove: Executor<ConnectorSwitch, ConnectorChanged>
  readonly fetch: Executor<CatalogFetch, CatalogFetched>
  readonly commands: readonly Command[]
  readonly checks: readonly DoctorCheck[]
  readonly previews: readonly Previewer[]
  readonly routes: readonly ApiPart[]
}

/** Makes a registry. Does no input or output until `start`. */
export function createRegistry(given: RegistryParts): OpenRegistry {
  const { table, workspace, audit, policy, packages, trust, gate, firewall, catalogs = [], changed, now, log } = given
  const directory = () => workspace.path('packages')
  const incoming = new Incoming(() => workspace.path('packages', 'incoming'), packages.maxBytes)
  let live: LiveRegistry | undefined
  const running = (): LiveRegistry => {
    if (!live) throw new ClonedError('KERNEL_STATE', { action: 'use the registry', state: 'stopped' })
    return live
  }
  const parts = {
    ...{ packages, trust, policy, egress: firewall, table, incoming, directory, now },
    lock: () => workspace.path('registry.lock.jsonl'),
    file: () => workspace.path('registry.yaml'),
    refresh: () => running().refresh(),
  }
  const registry: Registry = {
    // The list of tools is read by commands that start nothing.
    enabled: () => live?.enabled() ?? [],
    list: async () => await running().list(),
    get: async (id) => await running().get(id),
    verifyNow: async (id) => await running().verifyNow(id),
  }
  const forCommands: CatalogCommandParts = {
    ...{ gate, packages, trust, registry, incoming, now },
    sources: given.sources ?? (() => []),
    judge: (archive) => judge(parts, archive),
    catalog: { gate, trust, incoming, table, now },
    locations: () =>
      catalogs.map((where) => (isRemote(where) || isAbsolute(where) ? where : join(workspace.root, where))),
  }
  const families = [makeCommands, useCommands, skillPackCommands, lookCommands, catalogCommands]
  return {
    registry,
    async start() {
      live = new LiveRegistry({ ...parts, audit, changed, log })
      await live.start()
    },
    stop() {
      live = undefined
    },
    voteOnInstall: (action) => voteOnInstall(parts, action),
    voteOnCall: (call) => voteOnCall(live, policy, call),
    decided({ action, state }) {
      const { archive } = action.input as { archive?: unknown }
      if (action.kind === connectorInstall.id && state === 'denied' && typeof archive === 'string')
        incoming.discard(archive)
    },
    // Other processes see a revocation at their next call.
    async acted({ action, outcome }) {
      if (action.kind === TRUST_WRITE && outcome.status === 'done') await live?.refresh()
    },
    install: installExecutor(parts),
    ...switchExecutors(parts, running),
    fetch: fetchExecutor(firewall, incoming, now),
    commands: families.flatMap((commands) => commands(forCommands)),
    checks: [registryCheck(registry)],
    previews: [...connectorPreviews(parts), stoppedPreview(parts)],
    routes: [connectorsPart(forCommands), skillPackagesPart(forCommands)],
  }
}
