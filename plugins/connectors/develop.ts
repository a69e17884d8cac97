// Takes an unsigned connector from source into this process; loudly, and never where the root of trust is strict.
import { ClonedError, isClonedError, type Logger } from 'cloned/kernel'
import { type ManifestSource, NO_DRAFT, type Packages } from '../package/slot.js'
import type { Trust, TrustMode } from '../trust/slot.js'
import { ofSource } from './describe.js'
import type { ConnectorHost } from './host.js'
import type { DevelopedConnector } from './slot.js'

interface DevelopParts {
  readonly source: ManifestSource
  readonly host: Pick<ConnectorHost, 'develop'>
  /** Starts the program and ends it: it has to be what its manifest says. */
  readonly tryOut: (connector: DevelopedConnector) => Promise<void>
  readonly trust: Trust | undefined
  readonly packages: Packages
  readonly log: Logger
  readonly now: () => number
}

export async function develop(directory: string, parts: DevelopParts): Promise<DevelopedConnector> {
  if ((await modeOf(parts.trust)) !== 'dev') throw new ClonedError('CONNECTOR_DEV', { directory })
  const written = parts.packages.draft(directory)
  const draft = written ?? (await parts.source.describe(directory))
  if (!draft) throw new ClonedError('CONNECTOR_SOURCE', { path: directory, problem: NO_DRAFT })
  // Packed as it will be, so that what the package would be refused for is told now.
  const { manifest } = parts.packages.pack(directory, draft, new Date(parts.now()).toISOString())
  const connector = { directory, manifest }
  // What code says of itself is so; what stands beside it may not be.
  if (written) {
    await parts.tryOut(connector).catch((error: unknown) => Promise.reject(ofSource(error, directory)))
  }
  parts.log.warn(`UNSIGNED connector ${manifest.id} ${manifest.version} runs from ${directory}`)
  parts.host.develop(connector)
  return connector
}

/** Asking for the mode makes a root where there is none, so that is no problem of its own. */
async function modeOf(trust: Trust | undefined): Promise<TrustMode | undefined> {
  try {
    return (await trust?.standing())?.mode
  } catch (error) {
    if (isClonedError(error) && error.code === 'TRUST_ROOT_MISSING') return undefined
    throw error
  }
}
