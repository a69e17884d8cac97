// Opens and finds requests; must never change one that a person has decided, nor keep more of them than the policy lets wait.
import { randomBytes } from 'node:crypto'
import {
  type ApprovalRequest,
  type Approvals,
  type AskShown,
  ClonedError,
  canonical,
  type Json,
  type StoredAction,
} from 'cloned/kernel'
import type { Policy, PolicySnapshot } from '../policy/slot.js'
import type { Row, Statement, Store } from '../store/slot.js'
import { asksKey, covers } from './asks.js'
import { ruleFor } from './authority.js'
import { actorJson } from './documents.js'
import { boundOf, doubtApproval, doubtRequest, type Log, requestProof } from './evidence.js'
import { requestOf } from './request.js'
import { dropInputs } from './tidy.js'

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
/** Names are claims, so that one user could have as many as it likes: all of them together get so many times the limit. */
const ACTORS_PER_USER = 10
const MAX_VOUCHED = 1000

/** Queue of the wakes that escalate requests; the key is the request's id. */
export const ESCALATIONS = 'cloned.approvals.escalate'

export interface RequestsDeps {
  readonly store: Pick<Store, 'all' | 'write'>
  readonly policy: Pick<Policy, 'snapshot'>
  readonly audit: Log
  readonly now: () => number
}

/** The part of {@link Approvals} that opens and reads. */
export function createRequests(deps: RequestsDeps): Pick<Approvals, 'match' | 'open' | 'get' | 'list'> {
  const { store, policy, audit, now } = deps
  /** Requests whose record was found in the log, where it stays: asked for once, however often they are looked at. */
  const vouched = new Set<string>()

  /** What is shown to people is what the log holds: they must not decide on another text than they read. */
  async function mustBeRequested(row: Row): Promise<void> {
    const bound = boundOf(row)
    const key = canonical({ ...bound })
    if (vouched.has(key)) return
    const doubt = await doubtRequest(audit, bound, seqOf(row))
    if (doubt !== undefined) {
      const reason = `${doubt}; make the call again to ask anew`
      throw new ClonedError('APPROVAL_UNUSABLE', { approval: bound.approval, reason })
    }
    if (vouched.size >= MAX_VOUCHED) vouched.clear()
    vouched.add(key)
  }

  /** What was once seen as expired stays so, also when the clock is set back. */
  async function read(rows: readonly Row[], decisions: readonly Row[] = []): Promise<readonly ApprovalRequest[]> {
    const at = now()
    const requests = rows.map((row) => requestOf(row, at, decisions))
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
      const requests = await read(rows)
      for (const [i, row] of rows.entries()) {
        const request = requests[i]
        if (request?.state !== 'approved' || !covers(request.asks, asks)) continue
        // What does not count must not stand in the way of what does.
        if ((await doubtApproval(audit, boundOf(row), seqOf(row), undefined)) === undefined) return request
      }
      return undefined
    },

    async open(action, asks) {
      const at = now()
      await dropInputs(store, at)
      const standing = await standingFor(deps, action, asks, at)
      if (standing) return { request: standing, created: false }
      const { approvals } = policy.snapshot()
      await mustHaveRoom(store, action, approvals, at)
      const made = insertOf(action, asks, at, approvals)
      const bound = boundOf(made.row)
      // Recorded first: what is decided later is checked against this, not against what the store says by then.
      const { seq } = await audit.append({
        type: 'approval.requested',
        ts: new Date(at).toISOString(),
        approval: bound.approval,
        kind: action.kind,
        target: action.target,
        requester: actorJson(action.actor),
        digest: audit.token('digest', canonical(action.digest)),
        asks: asks.map(({ plugin, key }) => ({ plugin, key })),
        expires_at: new Date(bound.expiresAt).toISOString(),
        proof: requestProof(audit, bound),
      })
      const escalate = ruleFor(approvals, action)?.escalate
      const wakes = escalate ? [{ queue: ESCALATIONS, key: bound.approval, at: at + escalate.afterMs }] : []
      const [, , rows] = await store.write([expire(action.digest, at), made.insert(seq), pendingLike(action, asks)], {
        wakes,
      })
      const [row] = rows ?? []
      // Others took the last places meanwhile.
      if (!row) throw full(action, approvals.maxPendingPerActor)
      const request = requestOf(row, at)
      return { request, created: request.id === bound.approval }
    },

    async get(approvalId) {
      const [row] = await store.all('select * from approvals where id = $1', approvalId)
      if (!row) return undefined
      const decisions = await store.all(
        'select * from approvals_decisions where approval = $1 order by seq',
        approvalId,
      )
      const [request] = await read([row], decisions)
      if (request?.state === 'pending') await mustBeRequested(row)
      return request
    },

    async list({ state }: { state?: ApprovalRequest['state'] } = {}) {
      const rows = await store.all('select * from approvals order by created_at desc, id desc')
      return (await read(rows)).filter((request) => state === undefined || request.state === state)
    },
  }
}

/** The identical request that waits already, if the log knows it; one that it does not know makes room for a true one. */
async function standingFor(
  { store, audit }: RequestsDeps,
  action: StoredAction,
  asks: readonly AskShown[],
  at: number,
): Promise<ApprovalRequest | undefined> {
  const { sql, args = [] } = pendingLike(action, asks)
  const [row] = await store.all(sql, ...args)
  if (!row || Number(row['expires_at']) <= at) return undefined
  if ((await doubtRequest(audit, boundOf(row), seqOf(row))) === undefined) return requestOf(row, at)
  const end = "update approvals set state = 'expired' where id = $1 and state = 'pending'"
  await store.write([{ sql: end, args: [String(row['id'])] }])
  return undefined
}

function pendingLike({ digest }: StoredAction, asks: readonly AskShown[]): Statement {
  return {
    sql: "select * from approvals where digest = $1 and asks_key = $2 and state = 'pending'",
    args: [digest, asksKey(asks)],
  }
}

function insertOf(action: StoredAction, asks: readonly AskShown[], at: number, limits: PolicySnapshot['approvals']) {
  const { expiresMs, maxPendingPerActor: most } = limits
  const row = {
    id: newId(),
    digest: action.digest,
    asks: canonical(asks as unknown as Json),
    action: canonical(action as unknown as Json),
    created_at: at,
    expires_at: at + expiresMs,
  }
  const insert = (seq: number): Statement => ({
    sql: `insert into approvals
            (id, state, digest, asks_key, asks, action, created_at, expires_at, actor, os_user, requested_seq)
          select $1, 'pending', $2, $3, $4, $5, cast($6 as bigint), cast($7 as bigint), $8, $9, cast($10 as bigint)
          where ${waiting('actor = $8')} < cast($11 as bigint) and ${waiting('os_user = $9')} < cast($12 as bigint)
          on conflict (digest, asks_key) where state = 'pending' do nothing`,
    args: [
      ...[row.id, row.digest, asksKey(asks), row.asks, row.action, at, row.expires_at],
      ...[action.actor.id, action.actor.osUser, seq, most, most * ACTORS_PER_USER],
    ],
  })
  return { row, insert }
}

/** Asked before anything is recorded: a flood must not fill the log either. */
async function mustHaveRoom(
  store: RequestsDeps['store'],
  action: StoredAction,
  { maxPendingPerActor: most }: PolicySnapshot['approvals'],
  at: number,
): Promise<void> {
  const { id, osUser } = action.actor
  const [row] = await store.all(
    `select sum(case when actor = $1 then 1 else 0 end) as own, sum(case when os_user = $2 then 1 else 0 end) as users
     from approvals where state = 'pending' and expires_at > cast($3 as bigint)`,
    ...[id, osUser, at],
  )
  if (Number(row?.['own'] ?? 0) >= most) throw full(action, most)
  if (Number(row?.['users'] ?? 0) >= most * ACTORS_PER_USER) {
    throw new ClonedError('APPROVALS_FULL', { whose: `OS user ${osUser}`, count: most * ACTORS_PER_USER })
  }
}

function full({ actor }: StoredAction, count: number): ClonedError {
  return new ClonedError('APPROVALS_FULL', { whose: actor.id, count })
}

function waiting(condition: string): string {
  return `(select count(*) from approvals where state = 'pending' and expires_at > cast($6 as bigint) and ${condition})`
}

/** Where in the log the search for its records begins. */
function seqOf(row: Row): number {
  return Number(row['requested_seq'] ?? 1)
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
