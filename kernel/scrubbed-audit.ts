// Passes every record through the scrubber before the audit log gets it, whoever appends; what it cannot scrub must not be recorded.
import { type AuditLog, auditSlot } from './contracts.js'
import type { Words } from './words.js'

/** What plugins and the gate get for a service: the audit log scrubbed, everything else as it is. */
export function scrubbed(slot: string, service: unknown, words: Words): unknown {
  if (slot !== auditSlot.id) return service
  const audit = service as AuditLog
  const log: AuditLog = {
    // Not async: records are appended in the order of the calls.
    append(record) {
      try {
        const { call_id: callId } = record
        return audit.append(words.json(record, 'audit', typeof callId === 'string' ? callId : undefined))
      } catch (error) {
        return Promise.reject(error)
      }
    },
    token: (field, canonical) => audit.token(field, canonical),
    find: (id, from) => audit.find(id, from),
    calls: (instances) => audit.calls(instances),
    latest: (type) => audit.latest(type),
    scan: (from) => audit.scan(from),
  }
  return Object.freeze(log)
}
