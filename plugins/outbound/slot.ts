// Names the way in which plugins send requests of their own, to vaults and webhooks; interface and token only.
import { slot } from 'cloned/kernel'

/** One request. What an agent asks for never goes this way: there is no policy on it but what its configuration says. */
export interface OutboundRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `https:`, or `http:` to a loopback address; without user and password. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** For connection, answer and body together, milliseconds. Default: 10 000. */
  readonly timeoutMs?: number
  /** Largest body, decoded. Default: 1 MiB. */
  readonly maxBytes?: number
}

export interface OutboundResponse {
  /** Any status, a redirect's too: none is followed, because what the request carries is meant for its host alone. */
  readonly status: number
  readonly body: Buffer
}

export interface Outbound {
  /**
   * Sends a request once. Throws `OUTBOUND_REFUSED` before anything is sent, and `OUTBOUND_FAILED` when there is no whole
   * answer; neither holds a header, a body, or more of the URL than its host.
   */
  send(request: OutboundRequest): Promise<OutboundResponse>
}

export const outboundSlot = slot<Outbound>('cloned.outbound', { contract: 1 })
