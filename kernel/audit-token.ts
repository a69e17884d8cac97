// Has the audit log stand a token for a value; an answer that is no token must never reach a record.
import type { AuditLog } from './contracts.js'
import { ClonedError, describeThrown } from './errors.js'

const TOKEN = /^hmac-sha256:[A-Za-z0-9._-]{1,64}:[0-9a-f]{64}$/

/** The token of a value of `field`. Throws `AUDIT_MISSING`, or `AUDIT_KEY` when the log has none to give. */
export function tokenOf(audit: AuditLog | undefined, field: string, canonical: string): string {
  if (!audit) throw new ClonedError('AUDIT_MISSING', {})
  let token: unknown
  try {
    token = audit.token(field, canonical)
  } catch (cause) {
    throw new ClonedError('AUDIT_KEY', { cause: describeThrown(cause) }, { cause })
  }
  if (typeof token === 'string' && TOKEN.test(token)) return token
  throw new ClonedError('AUDIT_KEY', { cause: 'its answer is no token' })
}
