// Limits how often one client may ask; counts before anything is looked up, and never lets strangers use up what is the owner's.
import rateLimit from '@fastify/rate-limit'
import { ClonedError } from 'cloned/kernel'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Principal } from '../slot.js'

export interface RatesOptions {
  readonly perMinute: number
  /**
   * Whom the transport or the local token has proven: counted by name, since all of them may come from one address, or from
   * none, and other programs of the machine from the same.
   */
  readonly owner: (request: FastifyRequest) => Principal | undefined
}

export const rates = fp<RatesOptions>(
  async (app, { perMinute, owner }) => {
    await app.register(rateLimit, {
      // Its own hooks are those of routes, and come after all that are everybody's: whoever proves nothing would not count.
      global: false,
      max: perMinute,
      timeWindow: 60_000,
      cache: 10_000,
      addHeadersOnExceeding: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
      // What the owner's client asks before it shows the token: others at its address must not use that up.
      allowList: ({ routeOptions }) => routeOptions.url === '/v1/healthz',
      keyGenerator: (request) => owner(request)?.actor.id ?? request.ip,
      errorResponseBuilder: (_, { ttl }) => new ClonedError('API_RATE', { seconds: Math.ceil(ttl / 1000) }),
    })
    app.addHook('onRequest', app.rateLimit())
  },
  { name: 'cloned-api-rates', fastify: '5.x', dependencies: ['cloned-api-front'] },
)
