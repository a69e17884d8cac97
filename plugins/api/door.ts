// Says who comes in by one way into the API, from where and proven by what; what they may do inside is for the routes to say.
import type { IncomingMessage } from 'node:http'
import { ClonedError, type Contribution } from 'cloned/kernel'
import { hostsOf, originOf } from './addresses.js'
import { Lockout } from './lockout.js'
import { ownerOf, proved } from './proving.js'
import { siteOf } from './site.js'
import type { Authenticator, ListenOptions, Principal, Scope } from './slot.js'
import type { LocalToken } from './token-file.js'

/** A way into the API. Whoever answers asks it in this order, before anything of a body is read. */
export interface Door {
  /** Where it is; absent inside a host, which has a server of its own. */
  readonly options?: ListenOptions
  /**
   * The origin of the page that asks, where the policy lets that origin in; `undefined` for everybody who is no such page.
   * Throws `API_REQUEST`, `API_HOST` or `API_ORIGIN` for what comes from the wrong place.
   */
  site(request: IncomingMessage): string | undefined
  /** Whom the door itself or the local token proves; no other program can keep this one out by guessing. */
  owner(request: IncomingMessage): Principal | undefined
  /**
   * Whom any proof proves, the owner's first. Throws `API_UNAUTHENTICATED`, and `API_LOCKED_OUT` for whoever guesses from the
   * same `address`, which is that of the connection without.
   */
  prove(request: IncomingMessage, address?: string): Promise<Principal>
  /** What only a server that knows the local token can say to a challenge; a client may ask before it shows the token. */
  proof(request: IncomingMessage, challenge: string): string
}

export interface DoorParts {
  readonly options: ListenOptions | undefined
  /** The port, once it is known. */
  readonly port: () => number
  readonly token: LocalToken
  /** The user of this process, proven by a file or a socket that only that user can use. */
  readonly user: (via: string) => Principal
  /** Whom a host has proven. */
  readonly given: Pick<WeakMap<IncomingMessage, Principal>, 'get'>
  readonly authenticators: () => readonly Contribution<Authenticator>[]
  readonly origins: () => readonly string[]
  readonly now: () => number
}

export function doorAt({ options, port, token, user, given, authenticators, origins, now }: DoorParts): Door {
  const place = options ?? { socket: '' }
  const byToken = user('token')
  const bySocket = options && 'socket' in options ? user('socket') : undefined
  let names: { readonly port: number; readonly hosts: ReadonlySet<string> } | undefined
  const hosts = () => {
    if (names?.port !== port()) names = { port: port(), hosts: hostsOf(place, port()) }
    return names.hosts
  }
  const origin = ({ headers: { host = '' } }: IncomingMessage) => originOf(place, host)
  const proving = {
    given: (request: IncomingMessage) => given.get(request) ?? bySocket,
    local: (candidate: string) => (token.matches(candidate) ? byToken : undefined),
    authenticators,
    origin,
    lockout: new Lockout(now),
  }
  return {
    ...(options ? { options } : {}),
    site: (request) => siteOf(request, { hosts, origins }),
    owner: (request) => ownerOf(request, proving),
    prove: async (request, address = request.socket.remoteAddress ?? '') =>
      ownerOf(request, proving) ?? (await proved(request, address, proving)),
    proof: (request, challenge) => token.proof(origin(request), challenge),
  }
}

/** Throws `API_SCOPE` unless the principal has the scope, or may do everything. */
export function assertScope({ scopes }: Principal, scope: Scope): void {
  if (!scopes.has(scope) && !scopes.has('*')) throw new ClonedError('API_SCOPE', { scope })
}
