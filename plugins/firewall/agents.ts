// Keeps connections apart: one agent for each policy epoch and address policy; a connection must never serve another grant.
import type { Socket } from 'node:net'
import { describeThrown, type Logger } from 'cloned/kernel'
import type { Agent, buildConnector } from 'undici'
import type { Carried, Carrier, Sending } from './carrier.js'
import { type DialParts, dial, vettedConnector } from './dial.js'
import { Exchange } from './exchange.js'
import type { Resolve } from './resolve.js'
import type { AddressPolicy } from './rule.js'
import type { Target } from './target.js'

/** What connections are made of. */
export interface AgentParts {
  readonly resolve: Resolve
  readonly own: () => ReadonlySet<string>
  readonly log: Pick<Logger, 'warn'>
  /** Options of TLS; certificates are always checked. */
  readonly tls?: { readonly ca?: string }
  /** Connects to a literal address, in the place of undici's connector. */
  readonly connect?: buildConnector.connector
}

const CONNECT_MS = 10_000
const CONNECTIONS = 64
const KEEP_ALIVE_MS = 4_000
const MAX_KEEP_ALIVE_MS = 60_000
const MAX_HEADER_BYTES = 64 * 1024

export class Agents implements Carrier {
  readonly #parts: AgentParts
  readonly #agents = new Map<string, Agent>()
  #undici: typeof import('undici') | undefined
  #dial: DialParts | undefined
  #epoch = Number.NaN

  constructor(parts: AgentParts) {
    this.#parts = parts
  }

  /** Loads the client; once, at the first request. */
  async load(): Promise<void> {
    this.#undici ??= await import('undici')
  }

  carry({ target, bound: { method, path, headers, body }, epoch, addresses, maxBytes, onData }: Sending): Carried {
    const exchange = new Exchange({ host: target.host.text, maxBytes, onData })
    const request = { origin: target.origin, path, method: method as 'GET', headers, body: body ?? null }
    this.agent(epoch, addresses).dispatch(request, exchange)
    return exchange
  }

  /** The agent for requests that this policy allowed. Those of another epoch finish what they have and close. */
  agent(epoch: number, addresses: AddressPolicy): Agent {
    if (epoch !== this.#epoch) {
      this.#retire()
      this.#epoch = epoch
    }
    const known = this.#agents.get(addresses.id)
    if (known) return known
    if (!this.#undici) throw new Error('the client is not loaded')
    const agent = new this.#undici.Agent({
      connect: vettedConnector(this.#dialling(this.#undici), addresses),
      allowH2: false,
      pipelining: 1,
      connections: CONNECTIONS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: MAX_KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      // One deadline for everything is kept by the exchange.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    this.#agents.set(addresses.id, agent)
    return agent
  }

  /** A connection of its own to a vetted address, on which nothing has been said. */
  async dial(addresses: AddressPolicy, { host, port }: Target): Promise<Socket> {
    await this.load()
    if (!this.#undici) throw new Error('the client is not loaded')
    const hostname = host.text.replace(/^\[|\]$/g, '')
    const plain = { hostname, host: host.text, protocol: 'http:', port: String(port) }
    return dial(this.#dialling(this.#undici), addresses, plain)
  }

  /** Destroys every connection. */
  async close(): Promise<void> {
    const agents = [...this.#agents.values()]
    this.#agents.clear()
    await Promise.all(agents.map((agent) => agent.destroy()))
  }

  #dialling({ buildConnector }: typeof import('undici')): DialParts {
    const { resolve, own, tls = {}, connect } = this.#parts
    this.#dial ??= {
      resolve,
      own,
      connect:
        connect ??
        buildConnector({
          ...tls,
          rejectUnauthorized: true,
          allowH2: false,
          timeout: CONNECT_MS,
          autoSelectFamily: false,
        }),
    }
    return this.#dial
  }

  #retire(): void {
    for (const agent of this.#agents.values()) {
      agent.close().catch((error: unknown) => {
        this.#parts.log.warn('connections of an earlier policy did not close', { error: describeThrown(error) })
      })
    }
    this.#agents.clear()
  }
}
