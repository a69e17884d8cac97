// Asks the door who comes in before anything else happens, and whether that one may; nothing is answered without.
import { ClonedError } from 'cloned/kernel'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { assertScope, type Door } from '../door.js'
import type { Principal } from '../slot.js'

export interface AuthenticateOptions {
  readonly door: Pick<Door, 'owner' | 'prove' | 'proof'>
}

export const authenticate = fp<AuthenticateOptions>(
  async (app, { door }) => {
    const principals = new WeakMap<FastifyRequest, Principal>()
    app.decorate('principalOf', (request: FastifyRequest): Principal => {
      const principal = principals.get(request)
      if (!principal) throw new ClonedError('API_UNAUTHENTICATED', {})
      return principal
    })
    app.decorate('proofTo', ({ raw }: FastifyRequest, challenge: string): string => door.proof(raw, challenge))
    const admit = (request: FastifyRequest, principal: Principal): void => {
      const { scope } = request.routeOptions.config
      principals.set(request, principal)
      if (scope === undefined) throw new ClonedError('API_NOT_FOUND', {})
      assertScope(principal, scope)
    }
    app.addHook('onRequest', (request, _, done) => {
      if (request.routeOptions.config.open) return done()
      // Looked at first, without a promise.
      const owner = door.owner(request.raw)
      if (!owner) {
        door
          .prove(request.raw, request.ip)
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
