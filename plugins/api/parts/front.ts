// Refuses what comes from the wrong place: a Host that is not ours, an Origin that the policy does not name.
import { ClonedError } from 'cloned/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

export interface FrontOptions {
  /** Lower-case `Host` headers that are answered. */
  readonly hosts: () => ReadonlySet<string>
  /** Origins whose pages may use the API. */
  readonly origins: () => readonly string[]
}

const ALLOWED_HEADERS =
  'authorization, content-type, dpop, idempotency-key, if-none-match, last-event-id, prefer, ' +
  'mcp-method, mcp-name, mcp-protocol-version, mcp-session-id'
const EXPOSED_HEADERS = 'etag, location, retry-after, deprecation, sunset, link, dpop-nonce, mcp-session-id'

/** A page of another site gets nothing: not by its own name, and not by a name that it points at this address. */
export const front = fp<FrontOptions>(
  async (app, { hosts, origins }) => {
    app.addHook('onRequest', (request, reply, done) => {
      // A whole URL there names a host of its own, beside the one that is judged here.
      if (!/^[/*]/.test(request.url)) throw new ClonedError('API_REQUEST', { problem: 'its target is no path' })
      const { host, origin } = request.headers
      if (hostHeaders(request) > 1) throw new ClonedError('API_HOST', { host: 'of several Host headers' })
      if (host === undefined || !hosts().has(host.toLowerCase()))
        throw new ClonedError('API_HOST', { host: host ?? '' })
      if (origin === undefined) {
        if (isForeign(request)) throw new ClonedError('API_ORIGIN', { origin: 'another site' })
        return done()
      }
      if (!origins().includes(origin)) throw new ClonedError('API_ORIGIN', { origin: origin.slice(0, 200) })
      reply.header('access-control-allow-origin', origin).header('vary', 'Origin')
      reply.header('access-control-expose-headers', EXPOSED_HEADERS)
      if (isPreflight(request)) answerPreflight(request, reply)
      else done()
    })
  },
  { name: 'cloned-api-front', fastify: '5.x' },
)

/** Node reads the first; a proxy in front may have judged another. */
function hostHeaders({ raw }: FastifyRequest): number {
  return raw.rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === 'host').length
}

/**
 * Browsers name no origin where a page wants an image or sends a request without looking at the answer; they do say that the
 * request is of another site (Fetch Metadata). A page may link here, and that is all.
 */
function isForeign({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site']
  if (site !== 'cross-site' && site !== 'same-site') return false
  return headers['sec-fetch-mode'] !== 'navigate' || headers['sec-fetch-dest'] !== 'document'
}

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
