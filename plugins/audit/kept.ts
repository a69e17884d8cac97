// Decides which records outlive the pruning of their file, and how they are found again; must never pass one for a newer one.
import { ClonedError, type JsonObject, type StoredRecord } from 'cloned/kernel'
import { MAX_LINE } from './format.js'

export const KEPT = 'log.kept'

/** The fields around a kept record, the log's own prefix included, take less than this, bytes. */
const AROUND = 512

/**
 * Types whose newest record says how something stands now: what the policy is, which store belongs here. Calls are history, and
 * the log says of itself again what it has to.
 */
export function isKept(type: unknown): type is string {
  return typeof type === 'string' && !/^(?:log|anchor|check|redaction)\.|\.(?:intent|outcome)$/.test(type)
}

/** What `log.kept` says. Throws `AUDIT_PRUNE_REFUSED` for a record that does not fit. */
export function keptFields({ seq, hash, record }: StoredRecord): JsonObject {
  if (Buffer.byteLength(JSON.stringify(record)) + AROUND > MAX_LINE) {
    throw new ClonedError('AUDIT_PRUNE_REFUSED', { problem: `record ${seq} must be kept and is too long for it` })
  }
  return { kept: { seq, hash, record } }
}

/** The record that a record keeps; `undefined` when it keeps none. */
export function keptRecord({ record: { type, kept } }: StoredRecord): StoredRecord | undefined {
  if (type !== KEPT || typeof kept !== 'object' || kept === null) return undefined
  const { seq, hash, record } = kept as JsonObject
  if (typeof seq !== 'number' || typeof hash !== 'string' || typeof record !== 'object' || record === null)
    return undefined
  return { seq, hash, record: record as JsonObject }
}
