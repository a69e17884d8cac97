// Counts the uses of grants exactly, one row a call; must never let two processes take the last one.
import { type Approvals, ClonedError, type TakeAnswer, type TakeRef } from 'cloned/kernel'
import type { Statement, Store } from '../store/slot.js'
import { covers } from './asks.js'
import type { CheckedGrants } from './grants.js'

/** Takes one use for a call. */
export async function take(
  store: Pick<Store, 'write'>,
  grants: CheckedGrants,
  at: number,
  { callId, instance }: TakeRef,
  grantId: string,
  { asks }: Parameters<Approvals['take']>[2],
): Promise<TakeAnswer> {
  const grant = await grants.get(grantId)
  if (!grant) {
    const { code, message, help } = new ClonedError('APPROVAL_UNKNOWN', { approval: grantId })
    return { ok: false, code, reason: message.replace(/\.$/, ''), help }
  }
  if (!covers(grant.asks, asks)) return unusable(grantId, 'it was given for other questions')
  const doubt = await grants.doubt(grant, callId)
  if (doubt !== undefined) return unusable(grantId, doubt)
  const count: Statement = {
    sql: `insert into approvals_grant_uses (call_id, grant_id, instance, state)
          select $2, g.id, $3, 'taken' from approvals_grants g
          where g.id = $1 and g.revoked_at is null and g.until > cast($4 as bigint)
            and (select count(*) from approvals_grant_uses u where u.grant_id = g.id) < cast($5 as bigint)
          on conflict (call_id) do nothing`,
    args: [grantId, callId, instance, at, grant.terms.count],
  }
  const look: Statement = {
    sql: 'select call_id from approvals_grant_uses where call_id = $1 and grant_id = $2',
    args: [callId, grantId],
  }
  const [, mine] = await store.write([count, look], { durable: false })
  if (mine?.length === 1) return { ok: true, token: grantId }
  return unusable(grantId, 'the grant is used up, over or revoked')
}

export function commit(callId: string): Statement {
  return {
    sql: "update approvals_grant_uses set state = 'used' where call_id = $1 and state = 'taken'",
    args: [callId],
  }
}

export function release(callId: string): Statement {
  return { sql: "delete from approvals_grant_uses where call_id = $1 and state = 'taken'", args: [callId] }
}

/** Neither count nor end are asked: the use was granted in time, only its row was lost. */
export function restore({ callId, instance }: TakeRef, grantId: string): Statement {
  return {
    sql: `insert into approvals_grant_uses (call_id, grant_id, instance, state) values ($1, $2, $3, 'taken')
          on conflict (call_id) do nothing`,
    args: [callId, grantId, instance],
  }
}

function unusable(approval: string, reason: string): TakeAnswer {
  const { code, help } = new ClonedError('APPROVAL_UNUSABLE', { approval, reason })
  return { ok: false, code, reason, help }
}
