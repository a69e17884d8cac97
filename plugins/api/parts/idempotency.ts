// Answers a repeated write with what the first one answered; a write of unknown end is never repeated.
import { createHash } from 'node:crypto'
import { ClonedError, type Json } from 'cloned/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Store } from '../../store/slot.js'
import type { Principal } from '../slot.js'

export type IdempotencyStore = Pick<Store, 'all' | 'write' | 'migrate'>

const KEY = /^[\x21-\x7e]{1,255}$/
const KEPT_MS = 24 * 60 * 60 * 1000
const MAX_BODY = 256 * 1024

/**
 * `Idempotency-Key` on POST, PUT and DELETE, by principal and key, for a day. Of an answer that is too long, or is not to be
 * stored, the status alone is kept.
 */
export const idempotency = fp<{ readonly store: IdempotencyStore; readonly now: () => number }>(
  async (app, { store, now }) => {
    const held = new WeakMap<FastifyRequest, string>()
    const principalOf = app.getDecorator<(request: FastifyRequest) => Principal>('principalOf')

    const repeat = async (request: FastifyRequest, reply: FastifyReply, key: unknown): Promise<boolean> => {
      if (typeof key !== 'string' || !KEY.test(key))
        throw new ClonedError('API_REQUEST', { problem: 'Idempotency-Key takes 1 to 255 visible ASCII characters' })
      // Somebody of the same name whom somebody else has signed in is another.
      const { id: name, osUser } = principalOf(request).actor
      const id = hash([name, osUser, key])
      const digest = hash([request.method, request.url, (request.body ?? null) as Json])
      const before = await begin(store, { id, digest, now: now() })
      if (!before) {
        held.set(request, id)
        return false
      }
      if (before['digest'] !== digest)
        throw new ClonedError('API_IDEMPOTENCY', { problem: 'was used for another request' })
      if (before['status'] === null)
        throw new ClonedError('API_IDEMPOTENCY', {
          problem: 'belongs to a request that has not ended, or whose process died',
        })
      if (before['body'] === null)
        throw new ClonedError('API_IDEMPOTENCY', {
          problem: `belongs to a request that ended with status ${before['status']}; its answer was not kept`,
        })
      if (before['location'] !== null) reply.header('location', before['location'])
      reply
        .code(Number(before['status']))
        .type('application/json')
        .header('idempotent-replayed', 'true')
        .send(JSON.parse(String(before['body'])))
      return true
    }
    app.addHook('preHandler', (request, reply, done) => {
      const key = request.headers['idempotency-key']
      if (key === undefined || request.method === 'GET' || request.method === 'HEAD') return done()
      repeat(request, reply, key).then((answered) => (answered ? undefined : done()), done)
    })

    const keep = async (id: string, reply: FastifyReply, payload: unknown): Promise<void> => {
      // An error of the server may have come after the effect, so it is kept as well.
      const fits =
        typeof payload === 'string' && payload.length <= MAX_BODY && reply.getHeader('cache-control') !== 'no-store'
      await store.write([
        {
          sql: 'update api_requests set status = $2, body = $3, location = $4 where id = $1',
          args: [
            id,
            reply.statusCode,
            fits ? payload || 'null' : null,
            reply.getHeader('location')?.toString() ?? null,
          ],
        },
      ])
    }
    app.addHook('onSend', (request, reply, payload, done) => {
      const id = held.get(request)
      if (id === undefined) return done(null, payload)
      held.delete(request)
      keep(id, reply, payload).then(() => done(null, payload), done)
    })
  },
  { name: 'cloned-api-idempotency', fastify: '5.x', dependencies: ['cloned-api-authenticate'] },
)

/** The row that was there; `undefined` when this request is the first, which is then durable. */
async function begin(store: IdempotencyStore, { id, digest, now }: { id: string; digest: string; now: number }) {
  const [, fresh = []] = await store.write([
    { sql: 'delete from api_requests where at < $1', args: [now - KEPT_MS] },
    {
      sql: 'insert into api_requests (id, digest, at) values ($1, $2, $3) on conflict (id) do nothing returning id',
      args: [id, digest, now],
    },
  ])
  if (fresh.length > 0) return undefined
  const [row] = await store.all('select digest, status, body, location from api_requests where id = $1', id)
  return row
}

function hash(parts: readonly Json[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
