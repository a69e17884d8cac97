// Makes requests without keeping a connection: each hop judged, resolved, vetted, bound and sent, in this order.
import { ClonedError, isClonedError } from 'cloned/kernel'
import {
  bindSecrets,
  type CheckHop,
  decode,
  denied,
  type EgressCaller,
  type FetchInit,
  type FetchResponse,
  granted,
  type Hop,
  isRedirect,
  MAX_REDIRECTS,
  nextHop,
  outgoing,
  parseTarget,
  ReceivedResponse,
  type Resolve,
  type RulesInForce,
  revocation,
  TUNNEL,
  vet,
} from 'cloned/plugins/firewall'
import { exchange, type Received } from './exchange.js'

export interface PlainFetchParts {
  /** Throws when there are none that can be used: nothing is sent then. */
  readonly rules: () => RulesInForce
  readonly resolve: Resolve
  /** Addresses of this machine. */
  readonly own: () => ReadonlySet<string>
}

const MAX_BYTES = 10 * 1000 * 1000
const DEADLINE_MS = 60_000
const LOOK_MS = 50

export class PlainFetch {
  readonly #parts: PlainFetchParts
  readonly #live = new Set<AbortController>()

  constructor(parts: PlainFetchParts) {
    this.#parts = parts
  }

  async fetch(
    caller: EgressCaller,
    url: string,
    init: FetchInit,
    check: CheckHop,
    signals: readonly AbortSignal[] = [],
  ): Promise<FetchResponse> {
    const { method = 'GET', deadlineMs: ms = DEADLINE_MS } = init
    const target = parseTarget(url)
    if ('refused' in target) {
      throw denied({ allowed: false, code: target.refused, reason: target.reason }, caller, method, target)
    }
    if (method === TUNNEL) {
      throw denied({ allowed: false, code: 'METHOD', reason: `${method} is not sent` }, caller, method, target)
    }
    const host = target.host.text
    const life = new AbortController()
    const cancel = () => life.abort(new ClonedError('EGRESS_CANCELLED', { host }))
    for (const signal of signals) signal.aborted ? cancel() : signal.addEventListener('abort', cancel, { once: true })
    const timer = setTimeout(() => life.abort(new ClonedError('EGRESS_TIMEOUT', { host, ms })), ms)
    this.#live.add(life)
    try {
      return await this.#follow(caller, { target, request: outgoing(init, host) }, init, check, life)
    } finally {
      this.#live.delete(life)
      clearTimeout(timer)
      for (const signal of signals) signal.removeEventListener('abort', cancel)
    }
  }

  /** Ends what is under way. Legal twice. */
  close(): void {
    for (const life of this.#live) life.abort(new ClonedError('EGRESS_CANCELLED', { host: 'every host' }))
  }

  async #follow(
    caller: EgressCaller,
    first: Hop,
    init: FetchInit,
    check: CheckHop,
    life: AbortController,
  ): Promise<FetchResponse> {
    const { maxBytes = MAX_BYTES, secrets = [] } = init
    const host = first.target.host.text
    let hop = first
    for (let redirects = 0; ; redirects++) {
      if (redirects > MAX_REDIRECTS) {
        throw new ClonedError('EGRESS_REDIRECT', { host, problem: `it is redirect ${redirects}` })
      }
      const { status, headers, body } = await this.#hop(caller, hop, init, check, life).catch((error: unknown) => {
        throw redirects === 0 ? error : redirected(error, host)
      })
      if (!isRedirect(status) || init.redirect === 'manual') {
        const decoded = await decode(body, headers['content-encoding'], { maxBytes, host })
        return new ReceivedResponse({ status, headers, body: decoded, url: hop.target.href, redirected: redirects > 0 })
      }
      hop = nextHop(hop, status, headers.location, secrets.length > 0)
    }
  }

  async #hop(
    caller: EgressCaller,
    { target, request }: Hop,
    init: FetchInit,
    check: CheckHop,
    life: AbortController,
  ): Promise<Received> {
    const { rules, resolve, own } = this.#parts
    const { signal } = life
    const { method } = request
    const { text: name, address } = target.host
    await alive(signal, check({ method, url: target.href }))
    granted(rules, caller, method, target)
    const found = address ? [name.replace(/^\[|\]$/g, '')] : await alive(signal, resolve(name))
    const bound = await alive(signal, bindSecrets(request, target, init))
    // Again, and from here on without a pause: while the others were asked, the policy may have changed.
    const grant = granted(rules, caller, method, target)
    const [vetted] = vet(found, grant.addresses, own()) ?? []
    if (vetted === undefined) throw new ClonedError('EGRESS_ADDRESS', { host: name })
    const revoked = revocation(caller, method, target, grant)
    const look = setInterval(() => {
      const error = revoked(rules)
      if (error) life.abort(error)
    }, LOOK_MS)
    try {
      return await exchange(target, bound, { address: vetted, maxBytes: init.maxBytes ?? MAX_BYTES, signal })
    } finally {
      clearInterval(look)
    }
  }
}

/** Waits for others no longer than the request lives. */
async function alive<T>(signal: AbortSignal, work: T | Promise<T>): Promise<T> {
  let leave = (): void => undefined
  const ended = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason)
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
  })
  try {
    return await Promise.race([ended, work])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

/** A hop that is not allowed is a redirect that is not followed: the request itself has been made. */
function redirected(error: unknown, host: string): unknown {
  if (!isClonedError(error) || !['EGRESS_DENIED', 'EGRESS_ADDRESS'].includes(error.code)) return error
  return new ClonedError('EGRESS_REDIRECT', { host, problem: error.message.replace(/\.$/, '') }, { cause: error })
}
