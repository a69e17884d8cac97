// Words one approver's word on a request as a record and as statements; a word is added and never changed or removed.
import { type ApprovalRequest, type AuditRecord, canonical, type Grant, type Json } from 'cloned/kernel'
import type { Statement } from '../store/slot.js'
import type { Person } from './authority.js'
import { actorJson } from './documents.js'
import { type Bound, type Log, type Word, wordProof } from './evidence.js'

/** One word on one request, ready to be recorded. */
export interface Saying {
  readonly request: ApprovalRequest
  readonly bound: Bound
  readonly requestedSeq: number
  readonly word: Word
  readonly person: Person
  readonly at: number
  readonly reason?: string
  readonly grant?: Omit<Grant, 'used' | 'revokedAt' | 'grantedBy' | 'grantedAt'>
}

/** Its record. */
export function decisionRecord(log: Log, { request, bound, word, person, at, reason, grant }: Saying): AuditRecord {
  const { action, asks } = request
  return {
    type: 'approval.decided',
    ts: new Date(at).toISOString(),
    approval: request.id,
    verdict: word.verdict,
    by: { ...actorJson(person.actor), ...(person.key === undefined ? {} : { key: person.key }) },
    requester: actorJson(action.actor),
    kind: action.kind,
    target: action.target,
    asks: asks.map(({ plugin, key }) => ({ plugin, key })),
    ...(reason === undefined ? {} : { reason }),
    // Under the token that the records of the action carry; the digest itself would let a reader try inputs out.
    digest: log.token('digest', canonical(action.digest)),
    ...(word.replacedBy === undefined ? {} : { replaced_by: word.replacedBy }),
    ...(grant ? { grant: grantJson(grant) } : {}),
    word: { ...word },
    proof: wordProof(log, bound, word),
  }
}

/** The schema stays out: it may hold arguments. `word.grant` is the digest of all of it. */
function grantJson({ id, terms }: NonNullable<Saying['grant']>): Json {
  const { hosts, count, until } = terms
  return { id, hosts, count, until: new Date(until).toISOString() }
}

/** What a word changes in the store; the word itself first. `after`: the request that its approver closes in the same batch. */
export function statementsOf(saying: Saying, seq: number, after: string | undefined): readonly Statement[] {
  const { word } = saying
  const said = speak(saying, seq, after)
  if (word.verdict === 'approve') return [said, approve(saying, seq), ...(saying.grant ? [grant(saying, seq)] : [])]
  return [said, close(saying, seq)]
}

function speak({ bound, word, person, at, reason, grant }: Saying, seq: number, after: string | undefined): Statement {
  return {
    sql: `insert into approvals_decisions
            (approval, approver, verdict, seq, decided_by, decided_at, key, reason, grant_id, grant_terms)
          select $1, $2, $3, cast($4 as bigint), $5, cast($6 as bigint), $7, $8, $9, $10
          where exists (select 1 from approvals where id = $1 and state = 'pending' and expires_at > cast($6 as bigint))
            and ($11 = '' or exists (select 1 from approvals where id = $11 and replaced_by = $1))
          on conflict (approval, approver, verdict) do nothing`,
    // Missed when it came too late: nothing of the batch is done then.
    expect: 1,
    args: [
      ...[bound.approval, word.approver, word.verdict, seq, canonical(actorRow(person)), at, person.key ?? null],
      ...[reason ?? null, grant?.id ?? null, word.grant ?? null, after ?? ''],
    ],
  }
}

// The count is taken in the batch that adds the word: of two last words one sees the other.
function approve({ bound, word, person, at, reason }: Saying, seq: number): Statement {
  return {
    sql: `update approvals
          set state = 'approved', decided_at = cast($3 as bigint), decided_by = $4, reason = $5,
              decided_seq = cast($2 as bigint)
          where id = $1 and state = 'pending' and expires_at > cast($3 as bigint)
            and exists (select 1 from approvals_decisions where approval = $1 and seq = cast($2 as bigint))
            and (select count(*) from approvals_decisions where approval = $1 and verdict = 'approve') >= cast($6 as bigint)`,
    args: [bound.approval, seq, at, canonical(actorRow(person)), reason ?? null, word.quorum],
  }
}

function close({ bound, word, person, at, reason }: Saying, seq: number): Statement {
  return {
    sql: `update approvals
          set state = $6, decided_at = cast($3 as bigint), decided_by = $4, reason = $5, replaced_by = $7,
              decided_seq = cast($2 as bigint)
          where id = $1 and state = 'pending' and expires_at > cast($3 as bigint)
            and exists (select 1 from approvals_decisions where approval = $1 and seq = cast($2 as bigint))`,
    args: [
      ...[bound.approval, seq, at, canonical(actorRow(person)), reason ?? null],
      ...[word.verdict === 'deny' ? 'denied' : 'edited', word.replacedBy ?? null],
    ],
  }
}

/** Given with the last word only, and only when as many as must agree gave this very grant. */
function grant({ request, bound, requestedSeq, word, person, at, grant }: Saying, seq: number): Statement {
  if (!grant) throw new TypeError('there is no grant')
  const { id, tool, contract, actor, asks, terms } = grant
  return {
    sql: `insert into approvals_grants (id, approval, bound, tool, contract, actor, asks, terms, count, until,
                                        granted_by, granted_at, requested_seq)
          select $1, $2, $3, $4, $5, $6, $7, $8, cast($9 as bigint), cast($10 as bigint), $11, cast($12 as bigint),
                 cast($13 as bigint)
          where exists (select 1 from approvals where id = $2 and state = 'approved' and decided_seq = cast($14 as bigint))
            and (select count(*) from approvals_decisions
                 where approval = $2 and verdict = 'approve' and grant_terms = $15) >= cast($16 as bigint)
          on conflict (id) do nothing`,
    args: [
      ...[id, request.id, canonical({ ...bound }), tool, contract],
      ...[actor, asks, terms].map((value) => canonical(value as unknown as Json)),
      ...[terms.count, terms.until, canonical(actorRow(person)), at, requestedSeq, seq, word.grant ?? '', word.quorum],
    ],
  }
}

function actorRow({ actor: { id, claimed, osUser } }: Person) {
  return { id, claimed, osUser }
}
