// Finishes every answer: security headers, no secret, entity tags, notices of retirement; changes nothing that it says.
import { hash } from 'node:crypto'
import { ClonedError, type Logger, type Scrubber } from 'cloned/kernel'
import type { FastifyContextConfig, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { problemOf } from '../problem.js'

export interface AnswersOptions {
  readonly scrubber: Scrubber | undefined
  readonly log: Logger
  /** After so long a client is cut off that takes nothing of its answer. */
  readonly stalledMs: number
  /** Whether clients come over TLS. */
  readonly https?: object
}

/** What a browser must not do with answers, the same for all of them. */
export const GUARDS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const
/** What the buffers of a connection take. */
const SHORT = 64 * 1024
const A_YEAR = 'max-age=31536000'

/** Errors as problem documents, reads with an `ETag`, everything scrubbed. */
export const answers = fp<AnswersOptions>(
  async (app, { scrubber, log, stalledMs, https }) => {
    const warned = new Set<string>()
    const guards = https ? { ...GUARDS, 'strict-transport-security': A_YEAR } : GUARDS
    // First of all hooks, so that refusals carry them too.
    app.addHook('onRequest', (_, reply, done) => {
      reply.headers(guards)
      done()
    })
    app.setErrorHandler((thrown, request, reply) => {
      const { status, body } = problemOf(thrown)
      if (status >= 500) log.error('a request failed', { route: routeOf(request), cause: String(thrown) })
      if (status === 401) reply.header('www-authenticate', 'Bearer realm="cloned", DPoP algs="EdDSA"')
      if (status === 429) reply.header('retry-after', String(retryAfter(thrown)))
      return reply.code(status).send(body)
    })
    app.setNotFoundHandler(() => {
      throw new ClonedError('API_NOT_FOUND', {})
    })
    app.addHook('onSend', (request, reply, payload, done) => {
      const { deprecated } = request.routeOptions.config
      if (deprecated) {
        retire(reply, deprecated)
        const route = routeOf(request)
        if (!warned.has(route)) log.warn(`the retired route ${route} was used`, { instead: deprecated.instead })
        warned.add(route)
      }
      if (typeof payload !== 'string' || payload.length > SHORT) cutOffStalled(reply, stalledMs)
      if (typeof payload !== 'string') return done(null, payload)
      // Outcomes that are denied or failed, and such as were kept for a repeated request, are problem documents as well.
      if (reply.statusCode >= 400 && String(reply.getHeader('content-type')).startsWith('application/json'))
        reply.type('application/problem+json')
      const text = scrubber?.text(payload, 'api') ?? payload
      if (request.method !== 'GET' || reply.statusCode !== 200) return done(null, text)
      const tag = `"${hash('sha256', text, 'base64url').slice(0, 27)}"`
      reply.header('etag', tag).header('cache-control', 'private, no-cache')
      if (request.headers['if-none-match'] !== tag) return done(null, text)
      reply.code(304)
      done(null, '')
    })
  },
  { name: 'cloned-api-answers', fastify: '5.x' },
)

/** Whoever asks for much and does not read it would have it kept for ever. */
export function cutOffStalled({ raw }: FastifyReply, ms: number): void {
  const { socket } = raw
  if (!socket) return
  const { timeout = 0 } = socket
  socket.setTimeout(ms)
  // Node has set its own by then, unless the server keeps no connection alive.
  raw.once('finish', () => {
    if (socket.timeout === ms) socket.setTimeout(timeout)
  })
}

function routeOf(request: FastifyRequest): string {
  return `${request.method} ${request.routeOptions.url ?? 'unknown'}`
}

function retryAfter(thrown: unknown): number {
  const { params } = thrown as { params?: { seconds?: number } }
  return params?.seconds ?? 1
}

// RFC 9745 and RFC 8594.
function retire(
  reply: FastifyReply,
  { since, sunset, instead }: NonNullable<FastifyContextConfig['deprecated']>,
): void {
  reply.header('deprecation', `@${Math.floor(Date.parse(since) / 1000)}`)
  reply.header('sunset', new Date(sunset).toUTCString())
  reply.header('link', `<${instead}>; rel="successor-version"`)
}
