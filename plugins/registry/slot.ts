// Names the registry of installed connectors, its hooks and its kinds of action; interfaces and tokens only.
import { type Action, defineHook, slot } from 'cloned/kernel'
import type { ConnectorManifest } from '../package/slot.js'

/** A connector that may run: enabled here, and verified down to its last byte. */
export interface EnabledConnector {
  readonly id: string
  readonly version: string
  readonly publisher: string
  /** SHA-256 of its manifest, hex. */
  readonly digest: string
  /** Absolute path of its read-only directory; code is loaded from nowhere else. */
  readonly directory: string
  readonly manifest: ConnectorManifest
}

/** How an installed connector stands. Derived whenever it is asked for, never read from a file. */
export type ConnectorStatus = 'enabled' | 'disabled' | 'quarantined'

/** An installed connector. */
export interface InstalledConnector {
  readonly id: string
  readonly version: string
  readonly publisher: string
  readonly digest: string
  readonly status: ConnectorStatus
  /** Why it is quarantined. */
  readonly problem?: string
  /** Milliseconds since 1970. */
  readonly installedAt: number
  readonly installedBy: string
  /** Absent when it cannot be verified. */
  readonly manifest?: ConnectorManifest
}

export interface Registry {
  /**
   * The connectors that may run, as last verified by this process, sorted by id; none before the start. Synchronous and
   * cheap: for tool sources.
   * A change by another process is taken up soon after the first call that could have seen it.
   */
  enabled(): readonly EnabledConnector[]
  /** Verifies everything again. */
  list(): Promise<readonly InstalledConnector[]>
  get(id: string): Promise<InstalledConnector | undefined>
  /**
   * Verifies one connector again: signature, publisher, revocations, every file. To be called before code of it is loaded.
   * Throws `CONNECTOR_UNKNOWN`, `CONNECTOR_DISABLED`, and `CONNECTOR_QUARANTINED` after a record in the audit log.
   */
  verifyNow(id: string): Promise<EnabledConnector>
}

export const registrySlot = slot<Registry>('cloned.registry', { contract: 1 })

/** Votes on the installation of a connector, besides `beforeAction`. */
export const beforeConnectorInstall = defineHook.guard<Action, 'beforeConnectorInstall'>('beforeConnectorInstall')

/** The connectors that may run have changed: one was enabled, disabled, removed, replaced or quarantined. */
export const afterRegistryChange = defineHook.observe<
  { readonly enabled: readonly EnabledConnector[] },
  'afterRegistryChange'
>('afterRegistryChange')
