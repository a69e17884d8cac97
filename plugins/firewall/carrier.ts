// Names what takes a request that was granted to its host; an address that was not vetted must never be dialled.
import type { Received } from './exchange.js'
import type { AddressPolicy } from './rule.js'
import type { Bound } from './secrets.js'
import type { FetchInit } from './slot.js'
import type { Target } from './target.js'

/** A request that was judged, with its secrets: for the wire and for nobody else. */
export interface Sending {
  readonly target: Target
  readonly bound: Bound
  /** The policy that granted it: a connection must not serve requests of two. */
  readonly epoch: number
  /** For `vet`: which addresses may be dialled. */
  readonly addresses: AddressPolicy
  /** A larger response fails with `EGRESS_RESPONSE`, and is not held. */
  readonly maxBytes: number
  /** Hears of every piece of a response that is not encoded. What it throws fails the response. */
  readonly onData: FetchInit['onData']
}

/** A request under way. */
export interface Carried {
  /** Settles once; rejects with `EGRESS_` codes, and with what it was aborted with. */
  readonly received: Promise<Received>
  /** Ends it, and its connection with it. Legal at any time, and twice. */
  abort(error: Error): void
}

/** Takes requests to their hosts. Follows no redirect, and resolves the name of the host itself: nobody else may. */
export interface Carrier {
  /** Before a request. */
  load(): Promise<void>
  carry(sending: Sending): Carried
  /** Destroys every connection. Legal twice. */
  close(): Promise<void>
}
