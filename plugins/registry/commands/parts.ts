// What the connector commands and routes share: the services they read, and how a connector is shown to machines.
import type { Json } from 'cloned/kernel'
import type { ManifestSource } from '../../package/slot.js'

import type { Trust } from '../../trust/slot.js'
import type { CatalogParts } from '../catalog/catalog.js'
import type { RequestParts } from '../request.js'
import type { InstalledConnector, Registry } from '../slot.js'

export interface ConnectorCommandParts extends RequestParts {
  readonly trust: Trust
  readonly registry: Registry
  readonly sources: () => readonly ManifestSource[]
}

/** And those about catalogs. */
export interface CatalogCommandParts extends ConnectorCommandParts {
  readonly catalog: CatalogParts
  /** Directories and URLs that the configuration names. */
  readonly locations: () => readonly string[]
}

/** Everything about a connector for machines. */
export function connectorJson({ installedAt, installedBy, digest, ...rest }: InstalledConnector): Json {
  return {
    ...rest,
    package_digest: digest,
    installed_at: new Date(installedAt).toISOString(),
    installed_by: installedBy,
  } as unknown as Json
}
