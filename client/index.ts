// The HTTP client: typed by the OpenAPI document, for Node and browsers alike; holds no state but the connection's own.
import createOpenapiClient, { type Client as OpenapiClient } from 'openapi-fetch'
import { type EventFilter, events, type FeedEvent } from './events.js'
import type { paths } from './schema.js'

export { bearer, ServerError } from './bearer.js'
export { createDeviceKey, type DeviceKey } from './device.js'
export { type EventFilter, FeedError, type FeedEvent } from './events.js'
export { type DeviceOptions, device, type Pairing, PairingError, pair } from './pairing.js'
export { isPending, isProblem, type Pending, type Problem } from './problem.js'
export type { components, operations, paths } from './schema.js'

/** Adds to a request what proves who sends it. Called for every request; what it throws, the request rejects with. */
export type Authorize = (request: Request, server: ServerAccess) => Request | Promise<Request>

/** How to ask the server something before a request goes out. */
export interface ServerAccess {
  /** `http://127.0.0.1:4117/v1`. */
  readonly base: string
  readonly fetch: typeof fetch
}

export interface ClientOptions {
  /** Where the server is, as `.cloned/api.json` says: `http://127.0.0.1:4117`. */
  readonly url: string
  /** {@link bearer} for the owner's token, {@link device} for a paired device. */
  readonly authorize: Authorize
  /** Default: that of the platform. For Unix sockets, proxies and tests. */
  readonly fetch?: typeof fetch
}

/**
 * `GET`, `POST` … take a path of the document and what it needs, and answer `{ data }` or `{ error }`; they throw only when
 * no answer came. A write that a person has to approve answers 202, see {@link isPending}.
 */
export type Client = OpenapiClient<paths> & {
  /** The event feed, from `filter.after` or from now on; reconnects where it was cut off, until `signal` aborts. */
  events(filter?: EventFilter): AsyncGenerator<FeedEvent, void, void>
}

export function createClient({ url, authorize, fetch: given = fetch }: ClientOptions): Client {
  const base = `${url.replace(/\/$/, '')}/v1`
  const authorized: typeof fetch = async (input, init) =>
    given(await authorize(new Request(input, init), { base, fetch: given }))
  const client = createOpenapiClient<paths>({ baseUrl: base, fetch: authorized })
  return Object.assign(client, { events: (filter: EventFilter = {}) => events(base, authorized, filter) })
}
