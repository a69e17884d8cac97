// Opens and finds requests; must never change one that a person has decided.
import { randomBytes } from 'node:crypto'
import { type ApprovalRequest, type Approvals, canonical, type Json } from 'cloned/kernel'
import type { Policy } from '../policy/slot.js'
import type { Row, Statement, Store } from '../store/slot.js'
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
  /** What was once seen as expired stays so, also when the clock is set back. */
  async function read(rows: readonly Row[]): Promise<readonly ApprovalRequest[]> {
    const at = now()
    const requests = rows.map((row) => requestOf(row, at))
    const seen = requests.filter(({ state }, i) => state === 'expired' && rows[i]?.['state'] !== 'expired')
    if (seen.length > 0) {
      await store.write([
        {
          sql: `update approvals set state = 'expired'
                where state in ('pending', 'approved') and expires_at <= cast($1 as bigint)`,
          args: [at],
        },
      ])
    }
    return requests
  }

  return {
    async match(digest, asks) {
      const rows = await store.all(
        `select * from approvals where digest = $1 and state = 'approved' order by expires_at, id`,
        digest,
      )
      const usable = (await read(rows)).filter(({ state }) => state === 'approved')
      return usable.find((request) => covers(request.asks, asks))
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
      return row && (await read([row]))[0]
    },

    async list({ state }: { state?: ApprovalRequest['state'] } = {}) {
      const rows = await store.all('select * from approvals order by created_at desc, id desc')
      return (await read(rows)).filter((request) => state === undefined || request.state === state)
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
