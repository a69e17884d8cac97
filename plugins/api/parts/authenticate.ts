// Finds out who asks before anything else happens; without proof there is one answer, and it says nothing.
import { ClonedError, type Contribution } from 'cloned/kernel'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { type Lockout, suspectOf } from '../lockout.js'
import type { Authenticator, Principal } from '../slot.js'

export interface AuthenticateOptions {
  /** The owner's own proof: the local token. */
  readonly local: (token: string) => Principal | undefined
  /** The server's proof, before it is shown that of the owner. */
  readonly proof: (origin: string, challenge: string) => string
  readonly authenticators: () => readonly Contribution<Authenticator>[]
  /** Whom the transport itself has proven: a host that embeds the API, or a private socket. */
  readonly given: (request: FastifyRequest) => Principal | undefined
  readonly origin: (host: string) => string
  readonly lockout: Lockout
}

const CREDENTIALS = /^([A-Za-z][\w-]*) +(\S+)$/

export const authenticate = fp<AuthenticateOptions>(
  async (app, options) => {
    const principals = new WeakMap<FastifyRequest, Principal>()
    app.decorate('principalOf', (request: FastifyRequest): Principal => {
      const principal = principals.get(request)
      if (!principal) throw new ClonedError('API_UNAUTHENTICATED', {})
      return principal
    })
    app.decorate('proofTo', ({ headers: { host = '' } }: FastifyRequest, challenge: string): string =>
      options.proof(options.origin(host), challenge),
    )
    const admit = (request: FastifyRequest, principal: Principal): void => {
      const { scope } = request.routeOptions.config
      principals.set(request, named(principal))
      if (scope === undefined) throw new ClonedError('API_NOT_FOUND', {})
      if (!principal.scopes.has(scope) && !principal.scopes.has('*')) throw new ClonedError('API_SCOPE', { scope })
    }
    app.addHook('onRequest', (request, _, done) => {
      if (request.routeOptions.config.open) return done()
      const { scheme, credentials } = credentialsOf(request)
      // Looked at first, without a promise: no other program on the machine can keep the owner out by guessing.
      const owner = ownerOf(request, options)
      if (!owner) {
        prove(request, scheme, credentials, options)
          .then((principal) => admit(request, principal))
          .then(() => done(), done)
        return
      }
      admit(request, owner)
      done()
    })
  },
  { name: 'cloned-api-authenticate', fastify: '5.x', dependencies: ['cloned-api-front'] },
)

/** Whom the transport or the local token proves. */
export function ownerOf(
  request: FastifyRequest,
  { given, local }: Pick<AuthenticateOptions, 'given' | 'local'>,
): Principal | undefined {
  const { scheme, credentials } = credentialsOf(request)
  return given(request) ?? (/^bearer$/i.test(scheme) ? local(credentials) : undefined)
}

/** Whoever is no user of this machine is told from others by their id. */
function named(principal: Principal): Principal {
  const { actor } = principal
  return actor.osUser === '' ? { ...principal, actor: { ...actor, osUser: actor.id } } : principal
}

function credentialsOf({ headers }: FastifyRequest): { readonly scheme: string; readonly credentials: string } {
  const [, scheme = '', credentials = ''] = CREDENTIALS.exec(headers.authorization ?? '') ?? []
  return { scheme, credentials }
}

async function prove(
  request: FastifyRequest,
  scheme: string,
  credentials: string,
  options: AuthenticateOptions,
): Promise<Principal> {
  const { lockout } = options
  const suspect = suspectOf(request.ip, scheme, credentials)
  lockout.assertOpen(suspect)
  const principal = await check(request, scheme, credentials, options)
  if (principal) {
    lockout.succeeded(suspect)
    return principal
  }
  // A request without credentials is a slip, one with wrong ones may be a guess.
  if (request.headers.authorization !== undefined) lockout.failed(suspect)
  throw new ClonedError('API_UNAUTHENTICATED', {})
}

async function check(
  request: FastifyRequest,
  scheme: string,
  credentials: string,
  options: AuthenticateOptions,
): Promise<Principal | undefined> {
  // `*`, which makes no URL.
  if (!request.url.startsWith('/')) return undefined
  const url = `${options.origin(request.headers.host ?? '')}${request.url}`
  const asked = { method: request.method, url, headers: request.headers, credentials }
  // Several issuers may share a scheme.
  for (const { item } of options.authenticators()) {
    if (item.scheme.toLowerCase() !== scheme.toLowerCase()) continue
    const principal = await item.authenticate(asked)
    if (principal) return principal
  }
  return undefined
}
