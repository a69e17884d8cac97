// Names the doors through which processes that are not ours reach the network; interface and tokens only.
import { actionKind, type Json, slot } from 'cloned/kernel'

/** For whom a door is opened. */
export interface DoorOptions {
  /** Id of the connector. Whoever reaches the door speaks for it: there are no tokens. */
  readonly connector: string
  /** A tool id with version, whose rules count besides. */
  readonly tool?: string
  /**
   * Also listen on a port of the loopback, which every local process and user can reach; without sockets (Windows) the
   * only way. Default: `false`.
   */
  readonly port?: boolean
  /**
   * A listening `net.Server` that the door takes over, and closes with itself; then it listens nowhere else. For servers
   * that were made where only the connector can reach them.
   */
  readonly listener?: unknown
}

/** An open door: an HTTP proxy of one connector. */
export interface EgressDoor {
  /** Absolute path of a Unix socket (0600) that is alone in a directory (0700). Bind the directory into the sandbox. */
  readonly socket?: string
  /** On 127.0.0.1. */
  readonly port?: number
  /** Stops listening and ends every connection; resolves when all of it is recorded. Legal twice. */
  close(): Promise<void>
}

export interface EgressProxy {
  /**
   * Opens a door. Each connection and request through it is an action of kind `egress.connect`, put to `beforeEgress` and
   * to the egress rules. Works from `onStart` on until the kernel drains. Throws `EGRESS_PROXY_OPEN`.
   */
  open(options: DoorOptions): Promise<EgressDoor>
}

/** Owned by exactly one plugin; without an owner no process but ours reaches the network. */
export const egressProxySlot = slot<EgressProxy>('cloned.egress-proxy', { contract: 1 })

/** What a connector wants. */
export type EgressConnect = {
  readonly connector: string
  readonly tool?: string
  /** `CONNECT` for a tunnel. */
  readonly method: string
  /** Of a tunnel, without a path. */
  readonly url: string
  /** SHA-256 over headers and body of a request; absent for a tunnel. */
  readonly content?: string
}

/** A connection or request of a connector. An approval is used by the same request made again. */
export const egressConnect = actionKind<EgressConnect, Json, 'egress.connect'>({
  id: 'egress.connect',
  contract: 1,
  record: 'egress',
  onApproval: 'caller',
})
