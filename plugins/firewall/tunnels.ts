// Opens connections in which others speak: judged, vetted and dialled like a request; none outlives its permission.
import type { Socket } from 'node:net'
import { ClonedError } from 'cloned/kernel'
import { type AgentParts, Agents } from './agents.js'
import { denied } from './explain.js'
import { end, type LiveRequest, LiveRequests, whileAlive } from './live.js'
import { granted, type RulesInForce, revocation } from './revocation.js'
import { TUNNEL } from './rule.js'
import type { CheckHop } from './safe-fetch.js'
import type { ConnectInit, EgressCaller } from './slot.js'
import { parseTarget } from './target.js'

export interface TunnelParts extends AgentParts {
  /** Throws when there are none that can be used: nothing is dialled then. */
  readonly rules: () => RulesInForce
  readonly now: () => number
}

const DEADLINE_MS = 3_600_000

export class Tunnels {
  readonly #parts: TunnelParts
  readonly #agents: Agents
  readonly #live: LiveRequests
  #closed = false

  constructor(parts: TunnelParts) {
    this.#parts = parts
    this.#agents = new Agents(parts)
    this.#live = new LiveRequests(parts)
  }

  /** Rejects with the `EGRESS_` codes, and with what `check` throws. */
  async open(
    caller: EgressCaller,
    url: string,
    { deadlineMs: ms = DEADLINE_MS }: ConnectInit,
    check: CheckHop,
    signal: AbortSignal,
  ): Promise<Socket> {
    const target = parseTarget(url)
    if ('refused' in target) {
      throw denied({ allowed: false, code: target.refused, reason: target.reason }, caller, TUNNEL, target)
    }
    if (target.scheme !== 'https') {
      const reason = 'only https:// goes through a tunnel'
      throw denied({ allowed: false, code: 'SCHEME', reason }, caller, TUNNEL, target)
    }
    const host = target.host.text
    const live: LiveRequest = {
      host,
      ms,
      deadlineAt: this.#parts.now() + ms,
      ended: undefined,
      abort: undefined,
      revoked: () => undefined,
    }
    const cancel = () => end(live, new ClonedError('EGRESS_CANCELLED', { host }))
    if (signal.aborted || this.#closed) cancel()
    signal.addEventListener('abort', cancel, { once: true })
    this.#live.add(live)
    try {
      const checking = check({ method: TUNNEL, url: target.href })
      if (checking) await whileAlive(live, checking)
      const grant = granted(this.#parts.rules, caller, TUNNEL, target)
      live.revoked = revocation(caller, TUNNEL, target, grant)
      const socket = await whileAlive(live, this.#dial(live, this.#agents.dial(grant.addresses, target)))
      live.abort = (error) => socket.destroy(error)
      // While it was dialled, the policy may have changed, or its time have run out.
      const error = live.ended ?? live.revoked(this.#parts.rules)
      if (error) throw end(live, error)
      socket.once('close', () => this.#live.remove(live))
      return socket
    } catch (error) {
      this.#live.remove(live)
      throw error
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }

  /** Ends what is under way and closes every tunnel. Legal twice. */
  async close(): Promise<void> {
    this.#closed = true
    this.#live.endAll(new ClonedError('EGRESS_CANCELLED', { host: 'every host' }))
    await this.#agents.close()
  }

  /** A connection that nobody waits for any more is closed. */
  async #dial(live: LiveRequest, dialling: Promise<Socket>): Promise<Socket> {
    const socket = await dialling
    // Whoever destroys it gives the reason, which stays in `errored`; before the tunnel has another listener, too.
    socket.on('error', () => undefined)
    if (live.ended) socket.destroy(live.ended)
    return socket
  }
}
