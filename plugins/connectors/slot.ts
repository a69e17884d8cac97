// Names the list of connectors that run without being installed, from source; interface and token only.
import { slot } from 'cloned/kernel'
import type { ConnectorManifest } from '../package/slot.js'

/** A connector that runs from source. Nobody has signed it. */
export interface DevelopedConnector {
  readonly directory: string
  readonly manifest: ConnectorManifest
}

export interface Connectors {
  /**
   * Offers the tools of an unsigned connector in this process until it is called again for the directory, or the kernel
   * stops. Throws `CONNECTOR_DEV` in a workspace whose root of trust is strict.
   */
  develop(directory: string): Promise<DevelopedConnector>
  /** Running workers by connector id. */
  running(): readonly string[]
}

export const connectorsSlot = slot<Connectors>('cloned.connectors', { contract: 1 })
