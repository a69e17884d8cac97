// Has the door refuse what comes from the wrong place before anything else; tells browsers what pages of named origins may do.
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Door } from '../door.js'

export interface FrontOptions {
  readonly door: Pick<Door, 'site'>
}

const ALLOWED_HEADERS =
  'authorization, content-type, dpop, idempotency-key, if-none-match, last-event-id, prefer, ' +
  'mcp-method, mcp-name, mcp-protocol-version, mcp-session-id'
const EXPOSED_HEADERS = 'etag, location, retry-after, deprecation, sunset, link, dpop-nonce, mcp-session-id'

export const front = fp<FrontOptions>(
  async (app, { door }) => {
    app.addHook('onRequest', (request, reply, done) => {
      const origin = door.site(request.raw)
      if (origin === undefined) return done()
      reply.header('access-control-allow-origin', origin).header('vary', 'Origin')
      reply.header('access-control-expose-headers', EXPOSED_HEADERS)
      if (isPreflight(request)) answerPreflight(request, reply)
      else done()
    })
  },
  { name: 'cloned-api-front', fastify: '5.x' },
)

function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
}

/** Headers that tools ask for beside their arguments (`x-mcp-header`): each has its own, and clients send them to `/mcp`. */
const PARAM_HEADER = /^mcp-param-[a-z0-9-]{1,64}$/
const MAX_PARAMS = 32

function answerPreflight({ headers }: FastifyRequest, reply: FastifyReply): void {
  const wanted = (headers['access-control-request-headers'] ?? '').toLowerCase().split(',', MAX_PARAMS)
  const params = wanted.map((name) => name.trim()).filter((name) => PARAM_HEADER.test(name))
  reply
    .header('access-control-allow-methods', 'GET, POST, PUT, DELETE')
    .header('access-control-allow-headers', [ALLOWED_HEADERS, ...params].join(', '))
    .header('access-control-max-age', '600')
    .code(204)
    .send()
}
