// Makes the request that runs an approved action again, as its requester; must never make one from anything but that.
import type { AttemptRequest } from './attempt.js'
import type { ApprovalRequest, Approvals } from './contracts.js'
import { withDeadline } from './deadline.js'
import { ClonedError, describeThrown } from './errors.js'
import type { Denied, Pending } from './outcome.js'

/** The request, or the outcome when the approval cannot be used. */
export async function resumeRequest(
  approvals: Approvals | undefined,
  id: string,
  ms: number,
): Promise<Omit<AttemptRequest, 'options'> | Denied | Pending> {
  let request: ApprovalRequest | undefined
  try {
    request = typeof id !== 'string' ? undefined : approvals && (await withDeadline(approvals.get(id), ms))
  } catch (cause) {
    return denied(new ClonedError('APPROVALS_FAILED', { cause: describeThrown(cause) }))
  }
  if (!request) return denied(new ClonedError('APPROVAL_UNKNOWN', { approval: typeof id === 'string' ? id : '' }))
  if (request.state === 'pending') return pending(request)
  if (request.state !== 'approved') {
    return denied(new ClonedError('APPROVAL_UNUSABLE', { approval: id, reason: whyNot(request) }))
  }
  const { kind, target, input, actor, digest, about } = request.action
  return { kind, target, input, actor, about, resume: { approval: id, digest, actor: Object.freeze({ ...actor }) } }
}

function whyNot({ state, usedBy }: ApprovalRequest): string {
  return state === 'used' && usedBy !== undefined ? `call ${usedBy} has used it` : `it is ${state}`
}

function denied({ code, message: reason, help }: ClonedError): Denied {
  return { status: 'denied', callId: '', ballot: [], code, reason, help }
}

function pending(approval: ApprovalRequest): Pending {
  const reasons = approval.asks.map(({ reason }) => reason).join('; ')
  const { message: reason, help } = new ClonedError('APPROVAL_NEEDED', { approval: approval.id, reasons })
  return { status: 'pending', callId: '', ballot: [], approval, delivered: [], reason, help }
}
