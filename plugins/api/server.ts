// Puts the shared parts and everybody's routes together into one Fastify server; decides nothing about a request itself.
import { BlockList, isIPv6, type Server } from 'node:net'
import type { Contribution } from 'cloned/kernel'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Metrics } from './metrics.js'
import { openapi } from './openapi.js'
import { PAGE_QUERY, page } from './page.js'
import { type AnswersOptions, answers, GUARDS } from './parts/answers.js'
import { type AuthenticateOptions, authenticate, ownerOf } from './parts/authenticate.js'
import { bodies } from './parts/bodies.js'
import { described } from './parts/described.js'
import { type EndpointsOptions, endpoints } from './parts/endpoints.js'
import { type FrontOptions, front } from './parts/front.js'
import { type IdempotencyStore, idempotency } from './parts/idempotency.js'
import { measured } from './parts/measured.js'
import { rates } from './parts/rates.js'
import { closing } from './patience.js'
import { outcomeAnswer, problemOf } from './problem.js'
import type { ApiPart, ApiTools, Principal } from './slot.js'
import { validatorCompiler } from './validation.js'

export interface ServerParts extends FrontOptions, AuthenticateOptions, AnswersOptions, EndpointsOptions {
  readonly parts: readonly Contribution<ApiPart>[]
  readonly store: IdempotencyStore | undefined
  readonly version: string
  readonly metrics: Metrics
  /** Whether this server can make the OpenAPI document. */
  readonly documented: boolean
  readonly now: () => number
  /** Requests a minute of one client. */
  readonly perMinute: number
  readonly https?: { readonly cert: string; readonly key: string }
  readonly trustedProxy?: string
}

const MAX_WAIT_S = 60

/** Open connections, idle ones of event streams included. */
const MAX_CONNECTIONS = 8_192

/**
 * How long a client may take to send its request. Given to Node when the server is made: set later, its 60 s for headers
 * would be longer than the whole, and Node then takes the one for the other.
 */
const PATIENCE = { headersTimeout: 10_000, requestTimeout: 20_000, connectionsCheckingInterval: 5_000 } as const

/** The server, ready but not listening. */
export async function createServer(options: ServerParts): Promise<FastifyInstance> {
  const app = fastify({
    ...(options.https ? { https: { ...options.https, minVersion: 'TLSv1.2', ...PATIENCE } } : { http: PATIENCE }),
    ...(options.trustedProxy === undefined ? {} : { trustProxy: options.trustedProxy }),
    bodyLimit: 1024 * 1024,
    // It is the answer that may take its time.
    requestTimeout: PATIENCE.requestTimeout,
    connectionTimeout: 0,
    keepAliveTimeout: 10_000,
    forceCloseConnections: true,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // A target that cannot be read reaches no hook and no route.
    frameworkErrors: (error: unknown, _: FastifyRequest, reply: FastifyReply) => {
      const { status, body } = problemOf(error)
      reply.headers(GUARDS).code(status).type('application/problem+json').send(JSON.stringify(body))
    },
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: false },
    // Given here, so that Fastify does not load its own. Every answer was made to be sent: dropping what a schema does not
    // name would hide it from the tests of that schema.
    schemaController: {
      compilersFactory: { buildValidator: () => validatorCompiler, buildSerializer: () => () => JSON.stringify },
    },
  } as Parameters<typeof fastify>[0]) as unknown as FastifyInstance
  app.server.maxConnections = MAX_CONNECTIONS
  if (options.trustedProxy !== undefined) onlyFrom(app.server, options.trustedProxy)
  await app.register(bodies)
  await app.register(measured, options)
  await app.register(answers, options)
  await app.register(front, options)
  await app.register(rates, { perMinute: options.perMinute, owner: (request) => ownerOf(request, options) })
  await app.register(authenticate, options)
  if (options.store) await app.register(idempotency, { store: options.store, now: options.now })
  await app.register(described)
  if (options.documented) {
    // What listens asks that server for the document; it need not load what makes it.
    const { default: swagger } = await import('@fastify/swagger')
    await app.register(swagger, openapi(options.version))
  }
  await app.register(endpoints, options)
  const tools = apiTools(app)
  await app.register(
    async (scope) => {
      for (const { plugin, item } of options.parts) {
        await scope.register(async (part) => {
          part.addHook('onRoute', (route) => {
            if (route.schema) route.schema = { tags: [item.tag], ...route.schema }
            Object.assign(route, { config: { ...route.config, plugin } })
          })
          await item.register(part, tools)
        })
      }
    },
    { prefix: '/v1' },
  )
  await app.ready()
  return app
}

/** Hangs up on everybody else before a byte is read: what they say would be plain text on a network, and their own word for it. */
function onlyFrom(server: Pick<Server, 'on'>, proxy: string): void {
  const proxies = new BlockList()
  proxies.addAddress(proxy, isIPv6(proxy) ? 'ipv6' : 'ipv4')
  server.on('connection', (socket) => {
    const { remoteAddress = '' } = socket
    if (!proxies.check(remoteAddress, isIPv6(remoteAddress) ? 'ipv6' : 'ipv4')) socket.destroy()
  })
}

function apiTools(app: FastifyInstance): ApiTools {
  const principal = app.getDecorator<(request: FastifyRequest) => Principal>('principalOf')
  return {
    principal,
    answer: (reply, outcome) => {
      const { status, body } = outcomeAnswer(outcome)
      reply.code(status)
      if (outcome.status === 'pending') reply.header('location', `/v1/approvals/${outcome.approval.id}`)
      return body
    },
    page,
    pageQuery: PAGE_QUERY,
    signal: closing,
    waitMs: ({ headers }) => {
      const [, seconds] = /(?:^|[,;\s])wait=(\d{1,3})(?:$|[,;\s])/.exec(String(headers['prefer'] ?? '')) ?? []
      return Math.min(Number(seconds ?? 0), MAX_WAIT_S) * 1000
    },
  }
}
