// Puts the shared parts and everybody's routes together into one Fastify server; decides nothing about a request itself.
import type { Contribution, Json } from 'cloned/kernel'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Answering } from './api.js'
import type { Door } from './door.js'
import type { Metrics } from './metrics.js'
import { openapi } from './openapi.js'
import { PAGE_QUERY, page } from './page.js'
import { type AnswersOptions, answers, GUARDS } from './parts/answers.js'
import { authenticate } from './parts/authenticate.js'
import { bodies } from './parts/bodies.js'
import { described } from './parts/described.js'
import { type EndpointsOptions, endpoints } from './parts/endpoints.js'
import { front } from './parts/front.js'
import { type IdempotencyStore, idempotency } from './parts/idempotency.js'
import { measured } from './parts/measured.js'
import { rates } from './parts/rates.js'
import { closing } from './patience.js'
import { outcomeAnswer, problemOf } from './problem.js'
import type { ApiPart, ApiTools, Principal } from './slot.js'
import { validatorCompiler } from './validation.js'

export interface ServerParts extends Omit<AnswersOptions, 'https'>, EndpointsOptions {
  readonly door: Door
  readonly parts: readonly Contribution<ApiPart>[]
  readonly store: IdempotencyStore | undefined
  readonly version: string
  readonly metrics: Metrics
  readonly now: () => number
  /** Requests a minute of one client. */
  readonly perMinute: number
}

const MAX_WAIT_S = 60

/** What answers, without a server of its own: requests are handed to it. */
export async function createServer(options: ServerParts): Promise<Answering> {
  const { door } = options
  const { tls, trustedProxy } = door.options && !('socket' in door.options) ? door.options : {}
  const app = fastify({
    ...(trustedProxy === undefined ? {} : { trustProxy: trustedProxy }),
    bodyLimit: 1024 * 1024,
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
  await app.register(bodies)
  await app.register(measured, options)
  await app.register(answers, { ...options, ...(tls ? { https: tls } : {}) })
  await app.register(front, options)
  await app.register(rates, { perMinute: options.perMinute, owner: ({ raw }) => door.owner(raw) })
  await app.register(authenticate, options)
  if (options.store) await app.register(idempotency, { store: options.store, now: options.now })
  await app.register(described)
  if (!door.options) {
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
  return {
    answer: (request, response) => app.routing(request, response),
    document: async () => app.swagger() as unknown as Json,
    close: () => app.close(),
  }
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
