// Takes an unsigned connector from source into this process; loudly, and never where the root of trust is strict.
import { ClonedError, type Logger } from 'cloned/kernel'
import type { ManifestSource, Packages } from '../package/slot.js'
import type { Trust } from '../trust/slot.js'
import type { ConnectorHost } from './host.js'
import type { DevelopedConnector } from './slot.js'

interface DevelopParts {
  readonly source: ManifestSource
  readonly host: Pick<ConnectorHost, 'develop'>
  readonly trust: Trust | undefined
  readonly packages: Packages
  readonly log: Logger
  readonly now: () => number
}

export async function develop(directory: string, parts: DevelopParts): Promise<DevelopedConnector> {
  const refused = (problem: string) => new ClonedError('CONNECTOR_DEV', { directory, problem })
  if (!parts.trust || (await parts.trust.standing()).mode !== 'dev') {
    throw refused('the root of trust of this workspace does not say "dev"')
  }
  const draft = await parts.source.describe(directory)
  if (!draft) throw refused('its package.json has no cloned.connector')
  // Packed as it will be, so that what the package would be refused for is told now.
  const { manifest } = parts.packages.pack(directory, draft, new Date(parts.now()).toISOString())
  parts.log.warn(`UNSIGNED connector ${manifest.id} ${manifest.version} runs from ${directory}`)
  const connector = { directory, manifest }
  parts.host.develop(connector)
  return connector
}
