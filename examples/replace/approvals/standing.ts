// Decides how a request stands by replaying what the audit log says of it; two processes that read it can never disagree.
import type { ApprovalRequest, StoredRecord } from 'cloned/kernel'

/** A request as the log says, which knows of no clock: what has run out unseen is still `pending` or `approved`. */
export interface Standing {
  readonly request: ApprovalRequest
  /** Number of the record that decided it. */
  readonly decided?: number
  /** The call that has it, or has used it. */
  readonly use?: { readonly call: string; readonly instance: string; readonly open: boolean }
  /** Intents of calls that had it, and the kernel instances that they were settled for. */
  readonly settled: readonly { readonly instance: string; readonly intent: number }[]
}

/** Only the first decision counts, and one use; a record that comes too late changes nothing. */
export function standingOf(opened: ApprovalRequest, records: readonly StoredRecord[]): Standing {
  return records.reduce(after, { request: opened, settled: [] })
}

function after(standing: Standing, { seq, record }: StoredRecord): Standing {
  const { request, use, settled } = standing
  const [type, call, instance] = [String(record['type']), String(record['call_id']), String(record['instance'])]
  const inTime = Number(record['at']) < request.expiresAt
  if (type === 'approval.expired' && request.state === 'pending')
    return { ...standing, request: { ...request, state: 'expired' } }
  if (type === 'approval.decided' && request.state === 'pending' && inTime) {
    const word = record['word'] as unknown as Pick<ApprovalRequest, 'state' | 'decidedBy' | 'decidedAt' | 'reason'>
    return { ...standing, decided: seq, request: { ...request, ...word } }
  }
  // Said in time or not, an intent and what recovery restores show a use that was had in time.
  const isUse = type === 'approval.taken' ? inTime : type === 'approval.restored' || type.endsWith('.intent')
  if (isUse && request.state === 'approved')
    return { ...standing, use: { call, instance, open: true }, request: { ...request, state: 'used', usedBy: call } }
  if (type === 'approval.settled' && use?.call === call && use.open) {
    const { usedBy: _, ...free } = request
    const isFree = record['how'] === 'release'
    return {
      ...standing,
      request: isFree ? { ...free, state: 'approved' } : request,
      use: { ...use, open: false },
      settled: [...settled, { instance: use.instance, intent: Number(record['intent']) }],
    }
  }
  return standing
}
