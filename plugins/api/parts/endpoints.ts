// Lets protocols that are not the API's own answer beside its routes; a request that was not let in never reaches one.
import { ClonedError, type Contribution, describeThrown, type Logger } from 'cloned/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { ApiEndpoint, Principal } from '../slot.js'
import { cutOffStalled } from './answers.js'

export interface EndpointsOptions {
  readonly endpoints: readonly Contribution<ApiEndpoint>[]
  readonly log: Logger
  readonly stalledMs: number
}

const PATH = /^\/(?!v\d)[a-z][a-z0-9-]*$/

export const endpoints = fp<EndpointsOptions>(
  async (app, { endpoints: all, log, stalledMs }) => {
    const principalOf = app.getDecorator<(request: FastifyRequest) => Principal>('principalOf')
    for (const { item, plugin } of all) {
      const { path, scope, methods } = item
      if (!PATH.test(path)) throw new ClonedError('API_ROUTE', { route: path, problem: 'its path is not one word' })
      app.route({
        url: path,
        method: [...methods],
        schema: { hide: true, operationId: path.slice(1) } as object,
        config: { scope },
        // The last of the hooks that run before anything is read of the body. It never says that it is done.
        onRequest: (request, reply) => {
          const raw = handedOver(reply)
          item.handle(request.raw, raw, principalOf(request)).then(
            () => raw.writableEnded && cutOffStalled(reply, stalledMs),
            (error: unknown) => {
              log.error('a request failed', {
                route: `${request.method} ${path}`,
                plugin,
                cause: describeThrown(error),
              })
              raw.destroy()
            },
          )
        },
        handler: () => {
          throw new TypeError('it was answered before')
        },
      })
    }
  },
  { name: 'cloned-api-endpoints', fastify: '5.x', dependencies: ['cloned-api-authenticate'] },
)

/** With what the parts of the server have set so far; Fastify has no more to do with it. */
function handedOver(reply: FastifyReply): FastifyReply['raw'] {
  reply.hijack()
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(name, value)
  return reply.raw
}
