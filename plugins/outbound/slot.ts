// Names the way in which plugins send requests of their own, to vaults and webhooks; interface and token only.
import { slot } from 'cloned/kernel'

/** Who sends, and where to: what is not declared here is not reached. */
export interface OutboundCaller {
  /** Id of the plugin. */
  readonly plugin: string
  /** `https://bao.example.com:8200`; `http:` for a loopback address alone. Taken from the plugin's configuration. */
  readonly origins: readonly string[]
  /** Private ranges (CIDR) that the names may lead to, besides public addresses. */
  readonly addresses?: readonly string[]
}

/** One request. What an agent asks for never goes this way: there is no policy on it but what its configuration says. */
export interface OutboundRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below one of the origins. */
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

export interface OutboundClient {
  /**
   * Sends a request once. Throws `OUTBOUND_REFUSED` before anything is sent, and `OUTBOUND_FAILED` when there is no whole
   * answer; neither holds a header, a body, or more of the URL than its host.
   */
  send(request: OutboundRequest): Promise<OutboundResponse>
}

export interface Outbound {
  /** The way out of one plugin, to its origins. Throws `OUTBOUND_REFUSED` for an origin that nobody may send to. */
  open(caller: OutboundCaller): OutboundClient
}

export const outboundSlot = slot<Outbound>('cloned.outbound', { contract: 1 })
