// Binds a record that puts a policy in force to the key of the log and to its one place; a forged or repeated one must not count.
import { type AuditLog, canonical, type JsonObject, type StoredRecord } from 'cloned/kernel'
import { APPLIED } from './standing.js'

/** What the seal vouches for. */
export interface Sealed {
  readonly pack: string
  /** SHA-256 of the overlay's text, `null` without one. */
  readonly overlay: string | null
  readonly previous: string | null
  /** Unique: the write that it is part of, or an id of its own. */
  readonly call_id: string
  /** A sequence number before the record and after every other with this `call_id` that puts a policy in force. */
  readonly from: number
}

type Log = Pick<AuditLog, 'token' | 'find' | 'scan'>

/** The keyed token that the record carries. Without the key of the log nobody can make one. */
export function sealOf(log: Pick<AuditLog, 'token'>, fields: Sealed): string {
  const { pack, overlay, previous, call_id, from } = fields
  return log.token(APPLIED, canonical({ pack, overlay, previous, call_id, from }))
}

/** Why a record puts nothing in force; `undefined` for one that this package wrote, where it wrote it. */
export async function doubtRecord(log: Log, { seq, record }: StoredRecord): Promise<string | undefined> {
  const fields = record as unknown as Sealed
  if (typeof fields.call_id !== 'string' || !isSealed(log, record)) {
    return `record ${seq} of the audit log was not written by a policy write of this workspace`
  }
  const [first] = (await log.find(fields.call_id, fields.from)).filter((other) => other.record['type'] === APPLIED)
  // A record that was kept when its file was pruned is not found again, and nothing older is.
  if (first === undefined || first.seq >= seq) return undefined
  return `record ${seq} of the audit log repeats record ${first.seq}`
}

/** The newest record that counts, when the newest of all does not. Reads the whole log. */
export async function lastSealed(log: Log): Promise<StoredRecord | undefined> {
  const calls = new Set<unknown>()
  let last: StoredRecord | undefined
  for await (const stored of log.scan()) {
    const { type, call_id: callId } = stored.record
    if (type !== APPLIED || calls.has(callId) || !isSealed(log, stored.record)) continue
    calls.add(callId)
    last = stored
  }
  return last
}

function isSealed(log: Pick<AuditLog, 'token'>, record: JsonObject): boolean {
  return record['seal'] === sealOf(log, record as unknown as Sealed)
}
