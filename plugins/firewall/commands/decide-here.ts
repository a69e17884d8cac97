// Has the person at the terminal decide a policy write at once; must never decide where nobody answered.
import { type Approvals, ClonedError, type Gate, type Outcome, type Pending } from 'cloned/kernel'
import type { CommandContext } from '../../cli/slot.js'

export interface DecideParts {
  readonly gate: Pick<Gate, 'actor'>
  readonly approvals: Pick<Approvals, 'decide'> | undefined
  /** Whether the operating-system user who asked may decide. */
  readonly selfDecision: boolean
}

/** Asks; the terminal showed the request when it was opened. Without an answer it stays pending. */
export async function decideHere(
  pending: Pending,
  { gate, approvals, selfDecision }: DecideParts,
  ctx: CommandContext,
): Promise<Outcome> {
  if (!approvals || !ctx.interactive || !selfDecision) return pending
  const { id } = pending.approval
  const answer = await ctx.choose(`Approve ${id}?`, [
    { value: 'later', label: 'Later: leave it waiting' },
    { value: 'approve', label: 'Approve: put it in force' },
    { value: 'deny', label: 'Deny' },
  ])
  if (answer !== 'approve' && answer !== 'deny') return pending
  // Whoever sits here decides, not the actor that it was asked for: `--actor` does not count.
  const { outcome } = await approvals.decide(id, { verdict: answer, by: gate.actor() })
  if (answer === 'approve') return outcome ?? pending
  const { code, message: reason, help } = new ClonedError('APPROVAL_DENIED', { approval: id })
  return { status: 'denied', callId: pending.callId, ballot: pending.ballot, code, reason, help }
}
