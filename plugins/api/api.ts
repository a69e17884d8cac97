// Carries the API from routes to listening servers; what a server answers is decided by its parts.
import type { IncomingMessage } from 'node:http'
import {
  ClonedError,
  type Contribution,
  describeThrown,
  type Gate,
  type Json,
  type Logger,
  type Scrubber,
} from 'cloned/kernel'
import type { FastifyInstance } from 'fastify'
import type { Store } from '../store/slot.js'
import type { Workspace } from '../workspace/slot.js'
import { assertPrivateOrGuarded, hostsOf, originOf } from './addresses.js'
import { listenOnSocket, removeDescription, writeDescription } from './listening.js'
import { Lockout } from './lockout.js'
import type { Metrics } from './metrics.js'
import type { Api, ApiEndpoint, ApiPart, Authenticator, Listening, ListenOptions, Principal } from './slot.js'
import { localToken } from './token-file.js'

export interface ApiDeps {
  readonly gate: Pick<Gate, 'actor' | 'plan'>
  readonly workspace: Workspace
  readonly store: Store | undefined
  readonly scrubber: Scrubber | undefined
  readonly log: Logger
  readonly now: () => number
  readonly given: WeakMap<IncomingMessage, Principal>
  readonly parts: () => readonly Contribution<ApiPart>[]
  readonly endpoints: () => readonly Contribution<ApiEndpoint>[]
  readonly authenticators: () => readonly Contribution<Authenticator>[]
  readonly origins: () => readonly string[]
  readonly perMinute: number
  readonly stalledMs: number
  readonly metrics: Metrics
}

const EVERYTHING: Principal['scopes'] = new Set(['*'])

export function createApi(deps: ApiDeps): Api & { close(): Promise<void> } {
  const { workspace, gate, given } = deps
  const open = new Set<Listening>()
  let embedded: Promise<FastifyInstance> | undefined

  /** The user of this process, proven by a file that only that user can read. */
  const owner = (via: string): Principal => ({ actor: gate.actor(), scopes: EVERYTHING, via })

  /** `door` is what the server listens on; `undefined` inside a host, which says with each request from whom it comes. */
  async function build(door: ListenOptions | undefined, port: () => number): Promise<FastifyInstance> {
    // Fastify and what belongs to it load with the first server only.
    const { createServer } = await import('./server.js')
    const token = localToken(workspace.path('api'))
    const options = door ?? { socket: '' }
    const byToken = owner('token')
    const bySocket = door && 'socket' in door ? owner('socket') : undefined
    let names: { readonly port: number; readonly hosts: ReadonlySet<string> } | undefined
    return createServer({
      ...deps,
      parts: deps.parts(),
      endpoints: deps.endpoints(),
      version: gate.plan().distribution.version,
      hosts: () => {
        if (names?.port !== port()) names = { port: port(), hosts: hostsOf(options, port()) }
        return names.hosts
      },
      origin: (host) => originOf(options, host),
      proof: token.proof,
      local: (candidate) => (token.matches(candidate) ? byToken : undefined),
      given: (request) => given.get(request.raw) ?? bySocket,
      lockout: new Lockout(deps.now),
      documented: door === undefined,
      ...('tls' in options && options.tls ? { https: options.tls } : {}),
      ...('trustedProxy' in options && options.trustedProxy !== undefined
        ? { trustedProxy: options.trustedProxy }
        : {}),
    })
  }

  return {
    async listen(options = {}) {
      if (!('socket' in options)) assertPrivateOrGuarded(options)
      let port = 0
      const app = await build(options, () => port)
      const address = await listenOn(app, options)
      if (!('socket' in options)) port = Number(new URL(address).port)
      const description = writeDescription(workspace, { address, token: workspace.path('api', 'token') })
      const listening: Listening = {
        address,
        async close() {
          if (!open.delete(listening)) return
          removeDescription(description)
          await app.close()
        },
      }
      open.add(listening)
      return listening
    },
    async handle(request, response, principal) {
      given.set(request, principal)
      // The host has checked where its requests come from; here they all come from it.
      embedded ??= build(undefined, () => 0)
      const app = await embedded
      request.headers.host = 'localhost'
      delete request.headers.origin
      app.routing(request, response)
    },
    async document() {
      embedded ??= build(undefined, () => 0)
      return (await embedded).swagger() as unknown as Json
    },
    async close() {
      await Promise.all([...open].map((listening) => listening.close()))
      await (await embedded)?.close()
      embedded = undefined
    },
  }
}

async function listenOn(app: FastifyInstance, options: ListenOptions): Promise<string> {
  try {
    if ('socket' in options) return await listenOnSocket(app, options.socket)
    return await app.listen({ host: options.host ?? '127.0.0.1', port: options.port ?? 0 })
  } catch (error) {
    await app.close()
    const where = 'socket' in options ? options.socket : `${options.host ?? '127.0.0.1'}:${options.port ?? 0}`
    throw new ClonedError('API_ADDRESS', { address: where, cause: describeThrown(error) }, { cause: error })
  }
}
