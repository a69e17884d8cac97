// Finds out who asks; without proof there is one answer, and it says nothing.
import type { IncomingMessage } from 'node:http'
import { ClonedError, type Contribution } from 'cloned/kernel'
import { type Lockout, suspectOf } from './lockout.js'
import type { Authenticator, Principal } from './slot.js'

export interface ProvingOptions {
  /** The owner's own proof: the local token. */
  readonly local: (token: string) => Principal | undefined
  readonly authenticators: () => readonly Contribution<Authenticator>[]
  /** Whom the transport itself has proven: a host that embeds the API, or a private socket. */
  readonly given: (request: IncomingMessage) => Principal | undefined
  /** Of the URL as the client has to have used it. */
  readonly origin: (request: IncomingMessage) => string
  readonly lockout: Lockout
}

const CREDENTIALS = /^([A-Za-z][\w-]*) +(\S+)$/

/** Whom the transport or the local token proves. */
export function ownerOf(
  request: IncomingMessage,
  { given, local }: Pick<ProvingOptions, 'given' | 'local'>,
): Principal | undefined {
  const { scheme, credentials } = credentialsOf(request)
  const owner = given(request) ?? (/^bearer$/i.test(scheme) ? local(credentials) : undefined)
  return owner && named(owner)
}

/** Whom a contributed proof proves. Throws `API_UNAUTHENTICATED`, and `API_LOCKED_OUT` for an address that guesses. */
export async function proved(request: IncomingMessage, address: string, options: ProvingOptions): Promise<Principal> {
  const { lockout } = options
  const { scheme, credentials } = credentialsOf(request)
  const suspect = suspectOf(address, scheme, credentials)
  lockout.assertOpen(suspect)
  const principal = await check(request, scheme, credentials, options)
  if (principal) {
    lockout.succeeded(suspect)
    return named(principal)
  }
  // A request without credentials is a slip, one with wrong ones may be a guess.
  if (request.headers.authorization !== undefined) lockout.failed(suspect)
  throw new ClonedError('API_UNAUTHENTICATED', {})
}

/** Whoever is no user of this machine is told from others by their id. */
function named(principal: Principal): Principal {
  const { actor } = principal
  return actor.osUser === '' ? { ...principal, actor: { ...actor, osUser: actor.id } } : principal
}

function credentialsOf({ headers }: IncomingMessage): { readonly scheme: string; readonly credentials: string } {
  const [, scheme = '', credentials = ''] = CREDENTIALS.exec(headers.authorization ?? '') ?? []
  return { scheme, credentials }
}

async function check(
  request: IncomingMessage,
  scheme: string,
  credentials: string,
  { origin, authenticators }: ProvingOptions,
): Promise<Principal | undefined> {
  const { method = '', url = '', headers } = request
  // `*`, which makes no URL.
  if (!url.startsWith('/')) return undefined
  const asked = { method, url: `${origin(request)}${url}`, headers, credentials }
  // Several issuers may share a scheme.
  for (const { item } of authenticators()) {
    if (item.scheme.toLowerCase() !== scheme.toLowerCase()) continue
    const principal = await item.authenticate(asked)
    if (principal) return principal
  }
  return undefined
}
