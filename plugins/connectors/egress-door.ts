// Names what is used of the egress proxy; interface and token only.
import { slot } from 'cloned/kernel'

/** An open door to the network: an HTTP proxy of one connector. */
export interface EgressDoor {
  readonly socket?: string
  readonly port?: number
  close(): Promise<void>
}

export interface EgressProxy {
  open(options: { readonly connector: string }): Promise<EgressDoor>
}

export const egressProxySlot = slot<EgressProxy>('cloned.egress-proxy', { contract: 1 })
