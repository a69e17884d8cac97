// Appends to the audit log for the gate; an answer that does not prove durability must never count as recorded.
import type { AuditLog, AuditRecord, Receipt } from './contracts.js'
import { withDeadline } from './deadline.js'
import { ClonedError, describeThrown } from './errors.js'

/** Appends one record. Throws `AUDIT_MISSING` or `AUDIT_UNWRITABLE`; a receipt that comes too late goes to `late`. */
export async function record(
  audit: AuditLog | undefined,
  entry: AuditRecord,
  ms: number,
  late?: (receipt: Receipt) => void,
): Promise<Receipt> {
  if (!audit) throw new ClonedError('AUDIT_MISSING', {})
  try {
    const receipt: unknown = await withDeadline(audit.append(entry), ms, (answer) => {
      if (late && isReceipt(answer)) late(answer)
    })
    if (isReceipt(receipt)) return receipt
  } catch (cause) {
    throw new ClonedError('AUDIT_UNWRITABLE', { cause: describeThrown(cause) }, { cause })
  }
  throw new ClonedError('AUDIT_UNWRITABLE', { cause: 'its answer is no receipt' })
}

function isReceipt(value: unknown): value is Receipt {
  const receipt = value as Partial<Receipt> | null | undefined
  return (
    typeof receipt === 'object' &&
    receipt !== null &&
    receipt.durable === true &&
    Number.isSafeInteger(receipt.seq) &&
    (receipt.seq as number) > 0 &&
    typeof receipt.hash === 'string' &&
    /^[0-9a-f]{64}$/.test(receipt.hash)
  )
}
