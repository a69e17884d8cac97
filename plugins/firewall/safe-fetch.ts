// Makes requests: every hop judged, bound and sent in this order; nothing leaves that the rules in force do not allow.
import { ClonedError, isClonedError } from 'cloned/kernel'
import { type AgentParts, Agents } from './agents.js'
import type { Carrier } from './carrier.js'
import { decode } from './decode.js'
import type { Received } from './exchange.js'
import { denied } from './explain.js'
import { end, type LiveRequest, LiveRequests, whileAlive } from './live.js'
import { type Hop, isRedirect, MAX_REDIRECTS, nextHop } from './redirect.js'
import { outgoing } from './request.js'
import { ReceivedResponse } from './response.js'
import { granted, type RulesInForce, revocation } from './revocation.js'
import { TUNNEL } from './rule.js'
import { bindSecrets } from './secrets.js'
import type { EgressCaller, FetchInit, FetchResponse } from './slot.js'
import { parseTarget } from './target.js'

export interface SafeFetchParts extends AgentParts {
  /** Throws when there are none that can be used: nothing is sent then. */
  readonly rules: () => RulesInForce
  readonly now: () => number
  /** Makes what carries requests. Default: connections that are kept. */
  readonly carrier?: () => Carrier
}

/** Asks others about a hop. Throws, or rejects, to stop it. */
export type CheckHop = (hop: { readonly method: string; readonly url: string }) => void | Promise<void>

const MAX_BYTES = 10 * 1000 * 1000
const DEADLINE_MS = 60_000

export class SafeFetch {
  readonly #parts: SafeFetchParts
  readonly #carrier: Carrier
  readonly #live: LiveRequests
  #closed = false

  constructor(parts: SafeFetchParts) {
    this.#parts = parts
    this.#carrier = parts.carrier?.() ?? new Agents(parts)
    this.#live = new LiveRequests(parts)
  }

  /** Rejects with the `EGRESS_` codes, and with what `check` and `bind` throw. */
  async fetch(
    caller: EgressCaller,
    url: string,
    init: FetchInit,
    check: CheckHop,
    signals: readonly AbortSignal[] = [],
  ): Promise<FetchResponse> {
    const method = init.method ?? 'GET'
    const target = parseTarget(url)
    if ('refused' in target) {
      throw denied({ allowed: false, code: target.refused, reason: target.reason }, caller, method, target)
    }
    if (method === TUNNEL) {
      throw denied({ allowed: false, code: 'METHOD', reason: `${method} is not sent` }, caller, method, target)
    }
    const host = target.host.text
    const { deadlineMs: ms = DEADLINE_MS } = init
    const live: LiveRequest = {
      host,
      ms,
      deadlineAt: this.#parts.now() + ms,
      ended: undefined,
      abort: undefined,
      revoked: () => undefined,
    }
    const cancel = () => end(live, new ClonedError('EGRESS_CANCELLED', { host }))
    for (const signal of signals) signal.aborted ? cancel() : signal.addEventListener('abort', cancel, { once: true })
    this.#live.add(live)
    try {
      await this.#carrier.load()
      return await this.#follow(live, caller, { target, request: outgoing(init, host) }, init, check)
    } finally {
      this.#live.remove(live)
      for (const signal of signals) signal.removeEventListener('abort', cancel)
    }
  }

  /** Ends what is under way and closes every connection. Legal twice. */
  async close(): Promise<void> {
    this.#closed = true
    this.#live.endAll(new ClonedError('EGRESS_CANCELLED', { host: 'every host' }))
    await this.#carrier.close()
  }

  async #follow(
    live: LiveRequest,
    caller: EgressCaller,
    first: Hop,
    init: FetchInit,
    check: CheckHop,
  ): Promise<FetchResponse> {
    const { maxBytes = MAX_BYTES, secrets = [] } = init
    let hop = first
    let redirects = 0
    try {
      for (;;) {
        const { status, headers, body } = await this.#hop(live, caller, hop, init, check)
        const { target } = hop
        if (!isRedirect(status) || init.redirect === 'manual') {
          const coding = headers['content-encoding']
          const limits = { maxBytes, host: target.host.text }
          const decoded = coding === undefined ? body : await decode(body, coding, limits)
          return new ReceivedResponse({ status, headers, body: decoded, url: target.href, redirected: redirects > 0 })
        }
        hop = nextHop(hop, status, headers.location, secrets.length > 0)
        redirects++
        if (redirects > MAX_REDIRECTS) {
          throw new ClonedError('EGRESS_REDIRECT', { host: live.host, problem: `it is redirect ${redirects}` })
        }
      }
    } catch (error) {
      throw redirects === 0 ? error : redirected(error, first)
    }
  }

  async #hop(live: LiveRequest, caller: EgressCaller, hop: Hop, init: FetchInit, check: CheckHop): Promise<Received> {
    const { target, request } = hop
    const { method } = request
    const checking = check({ method, url: target.href })
    if (checking) await whileAlive(live, checking)
    granted(this.#parts.rules, caller, method, target)
    const bound = init.secrets?.length
      ? await whileAlive(live, bindSecrets(request, target, init))
      : { ...request, path: target.path }
    if (live.ended) throw live.ended
    if (this.#closed) throw new ClonedError('EGRESS_CANCELLED', { host: live.host })
    // Again, and from here on without a pause: while the others were asked, the policy may have changed.
    const grant = granted(this.#parts.rules, caller, method, target)
    const { maxBytes = MAX_BYTES, onData } = init
    const { epoch, addresses } = grant
    const carried = this.#carrier.carry({ target, bound, epoch, addresses, maxBytes, onData })
    live.abort = (error) => carried.abort(error)
    live.revoked = revocation(caller, method, target, grant)
    return await carried.received
  }
}

/** A hop that is not allowed is a redirect that is not followed: the request itself has been made. */
function redirected(error: unknown, { target }: Hop): unknown {
  if (!isClonedError(error) || !['EGRESS_DENIED', 'EGRESS_ADDRESS'].includes(error.code)) return error
  const problem = error.message.replace(/\.$/, '')
  return new ClonedError('EGRESS_REDIRECT', { host: target.host.text, problem }, { cause: error })
}
