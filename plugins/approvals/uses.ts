// Lets one call use an approval and settles the use; must never let two calls have it, nor an expired one be taken.
import { type Approvals, ClonedError, type TakeAnswer } from 'cloned/kernel'
import type { Statement, Store } from '../store/slot.js'
import { requestOf, whyNot } from './request.js'

// Not synced on its own: the intent in the audit log carries the token, and recovery rebuilds the use from it.
const RELAXED = { durable: false } as const

interface UsesDeps {
  readonly store: Pick<Store, 'all' | 'write'>
  readonly now: () => number
}

/** The part of {@link Approvals} that takes and settles. */
export function createUses({
  store,
  now,
}: UsesDeps): Pick<Approvals, 'take' | 'settle' | 'unsettled' | 'settledUpTo' | 'restore'> {
  return {
    async take({ callId, instance }, approvalId): Promise<TakeAnswer> {
      const at = now()
      const use: Statement = {
        sql: `update approvals set state = 'taken', used_by = $2, used_instance = $3
              where id = $1 and ((state = 'approved' and expires_at > cast($4 as bigint))
                or (state = 'taken' and used_by = $2))
              returning id`,
        args: [approvalId, callId, instance, at],
      }
      const look: Statement = { sql: 'select * from approvals where id = $1', args: [approvalId] }
      const [taken, found] = await store.write([use, look], RELAXED)
      if (taken?.length === 1) return { ok: true, token: approvalId }
      const [row] = found ?? []
      return refusal(
        row
          ? new ClonedError('APPROVAL_UNUSABLE', { approval: approvalId, reason: whyNot(requestOf(row, at)) })
          : new ClonedError('APPROVAL_UNKNOWN', { approval: approvalId }),
      )
    },

    async settle(callId, how, seq) {
      const batch: Statement[] = seq === undefined ? [] : [advance(callId, seq)]
      batch.push(how === 'commit' ? commit(callId) : release(callId, now()))
      await store.write(batch, RELAXED)
    },

    async unsettled(instance) {
      const rows = await store.all(
        "select distinct used_by from approvals where used_instance = $1 and state = 'taken' order by used_by",
        instance,
      )
      return rows.map((row) => String(row['used_by']))
    },

    async settledUpTo(instance) {
      const [row] = await store.all('select seq from approvals_settled where instance = $1', instance)
      return row ? Number(row['seq']) : 0
    },

    async restore({ callId, instance }, token) {
      if (token === null) return
      if (typeof token !== 'string') throw new TypeError('the token of an approval is its id')
      // Expiry is not asked: the use was granted in time, only its row was lost. A decision itself is never lost.
      const again: Statement = {
        sql: `update approvals set state = 'taken', used_by = $2, used_instance = $3
              where id = $1 and (state = 'approved' or (state = 'expired' and decided_at is not null))`,
        args: [token, callId, instance],
      }
      await store.write([again], RELAXED)
    },
  }
}

function commit(callId: string): Statement {
  return { sql: "update approvals set state = 'used' where used_by = $1 and state = 'taken'", args: [callId] }
}

function release(callId: string, at: number): Statement {
  return {
    sql: `update approvals
          set state = case when expires_at > cast($2 as bigint) then 'approved' else 'expired' end,
              used_by = null, used_instance = null
          where used_by = $1 and state = 'taken'`,
    args: [callId, at],
  }
}

// In the batch of the settlement itself: a watermark that ran ahead would hide a use from recovery.
function advance(callId: string, seq: number): Statement {
  return {
    sql: `insert into approvals_settled (instance, seq)
          select distinct used_instance, cast($2 as bigint) from approvals where used_by = $1 and state = 'taken'
          on conflict (instance) do update set seq = excluded.seq where excluded.seq > approvals_settled.seq`,
    args: [callId, seq],
  }
}

function refusal({ code, message, help }: ClonedError): TakeAnswer {
  // Whoever reports the refusal makes it part of a sentence.
  return { ok: false, code, reason: message.replace(/\.$/, ''), help }
}
