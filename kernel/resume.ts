// Makes the request that runs, or edits, what an approval was opened for, as its requester; must never make one from anything else.
import type { AttemptRequest } from './attempt.js'
import type { ApprovalRequest, Approvals } from './contracts.js'
import { withDeadline } from './deadline.js'
import { ClonedError, describeThrown } from './errors.js'
import type { Json } from './json.js'
import type { Denied, Pending } from './outcome.js'

/** An edit that is edited again, and so on, for as long as a person would. */
const MAX_EDITS = 8

type Made = Omit<AttemptRequest, 'options'>

/** The request that runs it, or the outcome when the approval cannot be used. What was edited runs as what it became. */
export async function resumeRequest(
  approvals: Approvals | undefined,
  id: string,
  ms: number,
): Promise<Made | Denied | Pending> {
  let request = await find(approvals, id, ms)
  for (let edits = 0; 'id' in request && request.replacedBy !== undefined && edits < MAX_EDITS; edits++) {
    request = await find(approvals, request.replacedBy, ms)
  }
  if ('status' in request) return request
  if (request.state === 'pending') return pending(request)
  if (request.state !== 'approved') return unusable(request)
  const { kind, target, input, actor, digest, about } = request.action
  return {
    kind,
    target,
    input,
    actor,
    about,
    resume: { approval: request.id, digest, actor: Object.freeze({ ...actor }) },
  }
}

/** The request that judges its action with another input, or the outcome when it is not pending. */
export async function editRequest(
  approvals: Approvals | undefined,
  id: string,
  input: Json,
  ms: number,
): Promise<Made | Denied> {
  const request = await find(approvals, id, ms)
  if ('status' in request) return request
  if (request.state !== 'pending') return unusable(request)
  const { kind, target, actor, about } = request.action
  return { kind, target, input, actor, about, edits: { approval: request.id, actor: Object.freeze({ ...actor }) } }
}

async function find(approvals: Approvals | undefined, id: string, ms: number): Promise<ApprovalRequest | Denied> {
  let request: ApprovalRequest | undefined
  try {
    request = typeof id !== 'string' ? undefined : approvals && (await withDeadline(approvals.get(id), ms))
    if (request !== undefined && (typeof request?.action !== 'object' || request.action === null))
      throw new TypeError('its answer is no request')
  } catch (cause) {
    return denied(new ClonedError('APPROVALS_FAILED', { cause: describeThrown(cause) }))
  }
  return request ?? denied(new ClonedError('APPROVAL_UNKNOWN', { approval: typeof id === 'string' ? id : '' }))
}

function unusable({ id, state, usedBy }: ApprovalRequest): Denied {
  const reason = state === 'used' && usedBy !== undefined ? `call ${usedBy} has used it` : `it is ${state}`
  return denied(new ClonedError('APPROVAL_UNUSABLE', { approval: id, reason }))
}

function denied({ code, message: reason, help }: ClonedError): Denied {
  return { status: 'denied', callId: '', ballot: [], code, reason, help }
}

function pending(approval: ApprovalRequest): Pending {
  const reasons = approval.asks.map(({ reason }) => reason).join('; ')
  const { message: reason, help } = new ClonedError('APPROVAL_NEEDED', { approval: approval.id, reasons })
  return { status: 'pending', callId: '', ballot: [], approval, delivered: [], reason, help }
}
