// Checks requests, decisions and uses against the audit log; what only the store says must never count.
import { type AuditLog, canonical, type JsonObject, type StoredRecord, sha256 } from 'cloned/kernel'
import type { Row } from '../store/slot.js'

/** The log as approvals use it. */
export type Log = Pick<AuditLog, 'append' | 'find' | 'token'>

/** What a record vouches for: the request exactly as it was stored and shown, its requester and its end included. */
export type Bound = {
  readonly approval: string
  readonly digest: string
  /** SHA-256 of the stored action and asks. */
  readonly shown: string
  /** Others may decide once it has waited long enough. */
  readonly createdAt: number
  readonly expiresAt: number
}

/** Reads it from a row of `approvals`. */
export function boundOf(row: Row): Bound {
  return {
    approval: String(row['id']),
    digest: String(row['digest']),
    shown: sha256(`${row['action']}\n${row['asks']}`),
    createdAt: Number(row['created_at']),
    expiresAt: Number(row['expires_at']),
  }
}

/** What one word on a request says. */
export interface Word {
  readonly verdict: 'approve' | 'deny' | 'edit'
  /** Who it counts for: one word each. */
  readonly approver: string
  /** How many must agree. */
  readonly quorum: number
  /** Digest of the grant that goes with it. */
  readonly grant?: string
  /** The request that takes its place. */
  readonly replacedBy?: string
}

const NOT_IN_LOG = 'the audit log holds no decision that approves it; the store alone does not count'
const NOT_REQUESTED = 'the audit log does not hold the request as it is stored'

/** The keyed token that a request's record carries. Without the key of the log nobody can make one. */
export function requestProof(log: Log, bound: Bound): string {
  return log.token('approval.request', canonical({ ...bound }))
}

/** The keyed token that a decision's record carries. */
export function wordProof(log: Log, bound: Bound, word: Word): string {
  return log.token('approval.decision', canonical({ request: { ...bound }, word: { ...word } }))
}

/** The keyed token of the record that takes a word back, which came too late. */
export function voidProof(log: Log, approval: string, seq: number): string {
  return log.token('approval.void', canonical({ approval, seq }))
}

/** Why the log does not know this request as it is stored; `undefined` when it does. */
export async function doubtRequest(log: Log, bound: Bound, from: number): Promise<string | undefined> {
  return isRequested(log, bound, await log.find(bound.approval, from)) ? undefined : NOT_REQUESTED
}

function isRequested(log: Log, bound: Bound, records: readonly StoredRecord[]): boolean {
  const proof = requestProof(log, bound)
  return records.some(({ record }) => record['type'] === 'approval.requested' && record['proof'] === proof)
}

/** Why this approval must not be used by `callId`; `undefined` when the log shows it as given, and as not used. */
export async function doubtApproval(
  log: Log,
  bound: Bound,
  from: number,
  callId: string | undefined,
): Promise<string | undefined> {
  const records = await log.find(bound.approval, from)
  // Also proof that the search began early enough: where it begins is only in the store.
  if (!isRequested(log, bound, records)) return NOT_REQUESTED
  const words = wordsIn(log, bound, records)
  if (words.some(({ verdict }) => verdict !== 'approve')) return 'the audit log says that it was not approved'
  const quorum = Math.max(1, ...words.map((word) => word.quorum))
  if (new Set(words.map(({ approver }) => approver)).size < quorum) return NOT_IN_LOG
  const user = usesIn(records, bound.approval).find((use) => use !== callId)
  return user === undefined ? undefined : `the audit log shows it as used by call ${user}`
}

/** Why a grant that was given with this request does not count; `undefined` when enough approvers gave this very grant. */
export async function doubtGrant(log: Log, bound: Bound, grant: string, from: number): Promise<string | undefined> {
  const records = await log.find(bound.approval, from)
  if (!isRequested(log, bound, records)) return NOT_REQUESTED
  const words = wordsIn(log, bound, records)
  const quorum = Math.max(1, ...words.map((word) => word.quorum))
  const givers = words.filter((word) => word.verdict === 'approve' && word.grant === grant)
  return new Set(givers.map(({ approver }) => approver)).size < quorum ? NOT_IN_LOG : undefined
}

/** Calls whose intents name this approval or grant, and that may have run. */
export function usesIn(records: readonly StoredRecord[], id: string): readonly string[] {
  const ends = new Map<unknown, JsonObject>()
  for (const { record } of records) {
    // A call ends once. Whatever says so again was not written by the gate, which alone ends a call.
    const ended = String(record['type']).endsWith('.outcome') && !ends.has(record['intent'])
    if (ended) ends.set(record['intent'], record)
  }
  return records.flatMap(({ seq, record }) => {
    if (!String(record['type']).endsWith('.intent') || record['approval'] !== id) return []
    const end = ends.get(seq)
    const gaveBack = end?.['effect'] === 'none' || end?.['status'] === 'denied'
    return gaveBack ? [] : [String(record['call_id'])]
  })
}

/** The words on this very request that carry a true proof and were not taken back. */
function wordsIn(log: Log, bound: Bound, records: readonly StoredRecord[]): readonly Word[] {
  const voided = new Set(
    records.flatMap(({ record }) => {
      const seq = record['type'] === 'approval.decision_void' ? Number(record['decided_seq']) : Number.NaN
      return record['proof'] === voidProof(log, bound.approval, seq) ? [seq] : []
    }),
  )
  return records.flatMap(({ seq, record }) => {
    if (record['type'] !== 'approval.decided' || record['approval'] !== bound.approval || voided.has(seq)) return []
    const word = record['word'] as unknown as Word
    // Read from the record and proven with it: what was changed in either place has another token.
    return record['proof'] === wordProof(log, bound, word) ? [word] : []
  })
}
