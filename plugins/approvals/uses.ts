// Lets one call use an approval or a part of a grant, and settles the use; must never let more calls have it than were granted.
import { type Approvals, ClonedError, type TakeAnswer, type TakeRef } from 'cloned/kernel'
import type { Row, Statement, Store } from '../store/slot.js'
import { covers } from './asks.js'
import { boundOf, doubtApproval, type Log } from './evidence.js'
import * as grantUses from './grant-uses.js'
import type { CheckedGrants } from './grants.js'
import { requestOf, whyNot } from './request.js'

// Not synced on its own: the intent in the audit log carries the token, and recovery rebuilds the use from it.
const RELAXED = { durable: false } as const

export interface UsesDeps {
  readonly store: Pick<Store, 'all' | 'write'>
  readonly audit: Log
  readonly grants: CheckedGrants
  readonly now: () => number
}

/** The part of {@link Approvals} that takes and settles. */
export function createUses(
  deps: UsesDeps,
): Pick<Approvals, 'take' | 'settle' | 'unsettled' | 'settledUpTo' | 'restore'> {
  const { store, grants, now } = deps
  return {
    take: (ref, id, use) =>
      isGrant(id) ? grantUses.take(store, grants, now(), ref, id, use) : take(deps, ref, id, use),

    async settle(callId, how, seq) {
      const batch: Statement[] = seq === undefined ? [] : [advance(callId, seq)]
      batch.push(how === 'commit' ? commit(callId) : release(callId, now()))
      batch.push(how === 'commit' ? grantUses.commit(callId) : grantUses.release(callId))
      await store.write(batch, RELAXED)
    },

    async unsettled(instance) {
      const rows = await store.all(
        `select used_by from approvals where used_instance = $1 and state = 'taken'
         union select call_id from approvals_grant_uses where instance = $1 and state = 'taken' order by 1`,
        instance,
      )
      return rows.map((row) => String(row['used_by']))
    },

    async settledUpTo(instance) {
      const [row] = await store.all('select seq from approvals_settled where instance = $1', instance)
      return row ? Number(row['seq']) : 0
    },

    async restore(ref, token) {
      if (token === null) return
      if (typeof token !== 'string') throw new TypeError('the token of an approval is its id')
      await store.write([isGrant(token) ? grantUses.restore(ref, token) : restore(ref, token)], RELAXED)
    },
  }
}

function isGrant(id: string): boolean {
  return id.startsWith('gr_')
}

async function take(
  { store, audit, now }: UsesDeps,
  { callId, instance }: TakeRef,
  approvalId: string,
  { digest, asks }: Parameters<Approvals['take']>[2],
): Promise<TakeAnswer> {
  const at = now()
  const [row] = await store.all('select * from approvals where id = $1', approvalId)
  if (!row) return refusal(new ClonedError('APPROVAL_UNKNOWN', { approval: approvalId }))
  const request = requestOf(row, at)
  const own = row['state'] === 'taken' && row['used_by'] === callId
  if (request.state !== 'approved' && !own) return unusable(approvalId, whyNot(request))
  if (row['digest'] !== digest || !covers(request.asks, asks)) {
    return unusable(approvalId, 'it was given for another action, or for other questions')
  }
  const doubt = await doubtApproval(audit, boundOf(row), Number(row['requested_seq'] ?? 1), callId)
  if (doubt !== undefined) return unusable(approvalId, doubt)
  return (await store.write([takeIt(row, callId, instance, at)], RELAXED))[0]?.length === 1
    ? { ok: true, token: approvalId }
    : unusable(approvalId, await whyLost(store, approvalId, at))
}

/** Only the very row that was checked is taken. */
function takeIt(row: Row, callId: string, instance: string, at: number): Statement {
  return {
    sql: `update approvals set state = 'taken', used_by = $2, used_instance = $3
          where id = $1 and digest = $5 and action = $6 and asks = $7 and expires_at = cast($8 as bigint)
            and ((state = 'approved' and expires_at > cast($4 as bigint)) or (state = 'taken' and used_by = $2))
          returning id`,
    args: [
      ...[String(row['id']), callId, instance, at],
      ...[String(row['digest']), String(row['action']), String(row['asks']), Number(row['expires_at'])],
    ],
  }
}

async function whyLost(store: UsesDeps['store'], approvalId: string, at: number): Promise<string> {
  const [row] = await store.all('select * from approvals where id = $1', approvalId)
  const request = row && requestOf(row, at)
  return request && request.state !== 'approved' ? whyNot(request) : 'it changed while it was taken'
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

// Expiry is not asked: the use was granted in time, only its row was lost. A decision itself is never lost.
function restore({ callId, instance }: TakeRef, approvalId: string): Statement {
  return {
    sql: `update approvals set state = 'taken', used_by = $2, used_instance = $3
          where id = $1 and (state = 'approved' or (state = 'expired' and decided_at is not null))`,
    args: [approvalId, callId, instance],
  }
}

// In the batch of the settlement itself: a watermark that ran ahead would hide a use from recovery.
function advance(callId: string, seq: number): Statement {
  return {
    sql: `insert into approvals_settled (instance, seq)
          select instance, cast($2 as bigint) from (
            select used_instance as instance from approvals where used_by = $1 and state = 'taken'
            union select instance from approvals_grant_uses where call_id = $1 and state = 'taken'
          ) as holders where true
          on conflict (instance) do update set seq = excluded.seq where excluded.seq > approvals_settled.seq`,
    args: [callId, seq],
  }
}

function unusable(approval: string, reason: string): TakeAnswer {
  return { ...refusal(new ClonedError('APPROVAL_UNUSABLE', { approval, reason })), reason }
}

function refusal({ code, message, help }: ClonedError): Extract<TakeAnswer, { ok: false }> {
  // Whoever reports the refusal makes it part of a sentence.
  return { ok: false, code, reason: message.replace(/\.$/, ''), help }
}
