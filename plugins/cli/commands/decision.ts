// Gets a decision on a pending call, from the person at the terminal or by waiting; it must never decide by itself.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Approvals, type CallOptions, ClonedError, type Gate, type Outcome, type Pending } from 'cloned/kernel'
import type { CommandContext } from '../slot.js'
import { requestText } from './request-text.js'

const POLL_MS = 500

/** What deciding and resuming a call needs. */
export interface DecisionParts {
  readonly gate: Pick<Gate, 'resume' | 'actor'>
  readonly approvals: Pick<Approvals, 'get' | 'decide'> | undefined
  /** Whether the policy lets the requester's own operating-system user decide. */
  readonly selfDecision: () => boolean
  readonly now: () => number
  /** Id of the plugin whose terminal channel may already have shown the request. */
  readonly channel: string
}

/**
 * Asks the person at the terminal, when there is one who may decide. Approving resumes the call; denying shows the denial;
 * walking away leaves it pending. `--yes` has no say here.
 */
export async function decideHere(
  pending: Pending,
  parts: DecisionParts,
  ctx: CommandContext,
  options: CallOptions,
): Promise<Outcome> {
  const { approvals, gate } = parts
  if (!ctx.interactive || !approvals || !parts.selfDecision()) return pending
  const { approval } = pending
  if (!pending.delivered.includes(parts.channel)) ctx.tell(requestText(approval))
  const answer = await ctx.choose(`Approve ${approval.id}?`, [
    { value: 'later', label: 'Later: leave it pending' },
    { value: 'approve', label: 'Approve: run it now' },
    { value: 'deny', label: 'Deny' },
  ])
  if (answer !== 'approve' && answer !== 'deny') return pending
  // Whoever sits here decides, not the agent that the call was made for: `--actor` does not count.
  const { outcome } = await approvals.decide(approval.id, { verdict: answer, by: gate.actor() })
  if (answer === 'deny') return deniedByPerson(pending, approval.id)
  return outcome ?? gate.resume(approval.id, options)
}

/** Waits until somebody decides, then resumes the call. Rejects with an `AbortError` on Ctrl-C. */
export async function waitForDecision(
  pending: Pending,
  parts: DecisionParts,
  ctx: CommandContext,
  options: CallOptions,
): Promise<Outcome> {
  const { approvals, gate, now } = parts
  if (!approvals) return pending
  const { id } = pending.approval
  for (;;) {
    const request = await approvals.get(id)
    if (!request) throw new ClonedError('APPROVAL_UNKNOWN', { approval: id })
    if (request.state === 'denied') return deniedByPerson(pending, id)
    if (request.state === 'approved') {
      const outcome = await gate.resume(id, options)
      // Judged again, it may ask something that this approval did not show.
      return outcome.status === 'pending' ? waitForDecision(outcome, parts, ctx, options) : outcome
    }
    if (request.state === 'expired' || (request.state === 'pending' && now() >= request.expiresAt)) {
      throw new ClonedError('APPROVAL_UNUSABLE', { approval: id, reason: 'it expired before anybody decided' })
    }
    if (request.state === 'used') {
      throw new ClonedError('APPROVAL_UNUSABLE', { approval: id, reason: 'another call has used it' })
    }
    ctx.progress(`waiting for a decision on ${id}`)
    await sleep(POLL_MS, undefined, { signal: ctx.signal })
  }
}

function deniedByPerson({ callId, ballot }: Pending, approval: string): Outcome {
  const { code, message: reason, help } = new ClonedError('APPROVAL_DENIED', { approval })
  return { status: 'denied', callId, ballot, code, reason, help }
}
