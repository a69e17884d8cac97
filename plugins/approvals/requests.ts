// Opens and finds requests; must never change one that a person has decided.
import { randomBytes } from 'node:crypto'
import { type ApprovalRequest, type Approvals, canonical, type Json } from 'cloned/kernel'
import type { Policy } from '../policy/slot.js'
import type { Statement, Store } from '../store/slot.js'
import { asksKey, covers } from './asks.js'
import { requestOf } from './request.js'

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

interface RequestsDeps {
  readonly store: Pick<Store, 'all' | 'write'>
  readonly policy: Pick<Policy, 'snapshot'>
  readonly now: () => number
}

/** The part of {@link Approvals} that opens and reads. */
export function createRequests({
  store,
  policy,
  now,
}: RequestsDeps): Pick<Approvals, 'match' | 'open' | 'get' | 'list'> {
  return {
    async match(digest, asks) {
      const rows = await store.all(
        `select * from approvals where digest = $1 and state = 'approved' and expires_at > cast($2 as bigint)
         order by expires_at, id`,
        digest,
        now(),
      )
      return rows.map((row) => requestOf(row, now())).find((request) => covers(request.asks, asks))
    },

    async open(action, asks) {
      const at = now()
      const id = newId()
      const key = asksKey(asks)
      const insert: Statement = {
        sql: `insert into approvals (id, state, digest, asks_key, asks, action, created_at, expires_at)
              values ($1, 'pending', $2, $3, $4, $5, cast($6 as bigint), cast($7 as bigint))
              on conflict (digest, asks_key) where state = 'pending' do nothing`,
        args: [
          id,
          action.digest,
          key,
          canonical(asks as unknown as Json),
          canonical(action as unknown as Json),
          at,
          at + policy.snapshot().approvals.expiresMs,
        ],
      }
      const standing: Statement = {
        sql: "select * from approvals where digest = $1 and asks_key = $2 and state = 'pending'",
        args: [action.digest, key],
        expect: 1,
      }
      const [, , rows] = await store.write([expire(action.digest, at), insert, standing])
      const request = requestOf((rows ?? [])[0] ?? {}, at)
      return { request, created: request.id === id }
    },

    async get(approvalId) {
      const [row] = await store.all('select * from approvals where id = $1', approvalId)
      return row && requestOf(row, now())
    },

    async list({ state }: { state?: ApprovalRequest['state'] } = {}) {
      const rows = await store.all('select * from approvals order by created_at desc, id desc')
      const at = now()
      return rows.map((row) => requestOf(row, at)).filter((request) => state === undefined || request.state === state)
    },
  }
}

// An expired request still holds the place of its successor in the index of pending ones.
function expire(digest: string, at: number): Statement {
  return {
    sql: `update approvals set state = 'expired'
          where digest = $1 and state = 'pending' and expires_at <= cast($2 as bigint)`,
    args: [digest, at],
  }
}

/** 60 random bits: cannot be guessed, short enough to be typed. */
function newId(): string {
  return `ap_${[...randomBytes(12)].map((byte) => BASE32[byte % 32]).join('')}`
}
