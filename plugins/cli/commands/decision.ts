// Gets a decision on a pending call, from the person at the terminal or by waiting; it must never decide by itself.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Approvals, type CallOptions, ClonedError, type Gate, type Outcome, type Pending } from 'cloned/kernel'
import type { CommandContext } from '../slot.js'
import { pendingText } from './outcome.js'
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

/** How a call is made, and whether its caller waits for the decision of somebody else. */
export interface DecisionOptions extends CallOptions {
  readonly wait: boolean
}

/**
 * Asks the person at the terminal, when there is one who may decide. Approving resumes the call; denying shows the denial;
 * walking away leaves it pending. With `wait`, what nobody here decides is waited for. `--yes` has no say.
 */
export async function decidePending(
  pending: Pending,
  parts: DecisionParts,
  ctx: CommandContext,
  options: DecisionOptions,
): Promise<Outcome> {
  const { approvals } = parts
  if (!approvals) return pending
  const mayDecide = parts.selfDecision()
  if (!ctx.interactive || !mayDecide) {
    if (!options.wait) return pending
    ctx.tell(pendingText(pending, ctx))
    return waitForDecision(pending, parts, ctx, options)
  }
  const { approval } = pending
  if (!pending.delivered.includes(parts.channel)) ctx.tell(requestText(approval))
  const answer = await ctx.choose(`Approve ${approval.id}?`, [
    { value: 'later', label: options.wait ? 'Wait: somebody else decides' : 'Later: leave it pending' },
    { value: 'approve', label: 'Approve: run it now' },
    { value: 'deny', label: 'Deny' },
  ])
  if (answer === undefined) return pending
  if (answer === 'later') return options.wait ? waitForDecision(pending, parts, ctx, options) : pending
  // Whoever sits here decides, not the agent that the call was made for: `--actor` does not count.
  const { outcome } = await approvals.decide(approval.id, { verdict: answer, by: parts.gate.actor() })
  if (answer === 'deny') return deniedByPerson(pending, approval.id)
  return outcome ?? resume(approval.id, parts, ctx, options)
}

/** Waits until somebody decides, then resumes the call. On Ctrl-C the call stays pending. */
async function waitForDecision(
  pending: Pending,
  parts: DecisionParts,
  ctx: CommandContext,
  options: DecisionOptions,
): Promise<Outcome> {
  const { id } = pending.approval
  while (!ctx.signal.aborted) {
    const request = await parts.approvals?.get(id)
    if (!request) throw new ClonedError('APPROVAL_UNKNOWN', { approval: id })
    if (request.state === 'denied') return deniedByPerson(pending, id)
    // An edited call runs as what it became; `resume` follows.
    if (request.state === 'approved' || request.state === 'edited') return resume(id, parts, ctx, options)
    if (request.state === 'expired' || (request.state === 'pending' && parts.now() >= request.expiresAt)) {
      throw new ClonedError('APPROVAL_UNUSABLE', { approval: id, reason: 'it expired before anybody decided' })
    }
    if (request.state === 'used') {
      throw new ClonedError('APPROVAL_UNUSABLE', { approval: id, reason: 'another call has used it' })
    }
    ctx.progress(`waiting for a decision on ${id}`)
    await sleep(POLL_MS, undefined, { signal: ctx.signal }).catch((error: unknown) => {
      if (!ctx.signal.aborted) throw error
    })
  }
  return pending
}

/** Judged again, an approved call may raise a question that its approval did not show: that one is decided too. */
async function resume(
  id: string,
  parts: DecisionParts,
  ctx: CommandContext,
  options: DecisionOptions,
): Promise<Outcome> {
  const { wait: _, ...call } = options
  const outcome = await parts.gate.resume(id, call)
  return outcome.status === 'pending' ? decidePending(outcome, parts, ctx, options) : outcome
}

function deniedByPerson({ callId, ballot }: Pending, approval: string): Outcome {
  const { code, message: reason, help } = new ClonedError('APPROVAL_DENIED', { approval })
  return { status: 'denied', callId, ballot, code, reason, help }
}
