// Has the person at the terminal decide what a run waits for; must never decide where nobody answered.
import type { Approvals, Gate } from 'cloned/kernel'
import type { CommandContext } from '../cli/slot.js'
import type { Run } from './slot.js'

/** What a decision on a run's request needs. */
export interface DecisionParts {
  readonly gate: Pick<Gate, 'actor'>
  readonly approvals: Pick<Approvals, 'decide'> | undefined
  /** Whether the policy lets the operating-system user who started the run decide. */
  readonly selfDecision: () => boolean
}

/** The approval that a run waits for. */
export function approvalOf({ state, steps }: Run): string | undefined {
  return state === 'waiting' ? steps.find((step) => step.state === 'waiting')?.approval : undefined
}

/**
 * Asks about the request that a run waits for; the terminal showed it when it was opened. Answers whether it is decided,
 * so that the run goes on.
 */
export async function decideStep(
  run: Run,
  { gate, approvals, selfDecision }: DecisionParts,
  ctx: CommandContext,
): Promise<boolean> {
  const approval = approvalOf(run)
  if (approval === undefined || !approvals || !ctx.interactive || !selfDecision()) return false
  const answer = await ctx.choose(`Approve ${approval}?`, [
    { value: 'later', label: 'Later: leave the run waiting' },
    { value: 'approve', label: 'Approve: the run goes on' },
    { value: 'deny', label: 'Deny: the run ends' },
  ])
  if (answer !== 'approve' && answer !== 'deny') return false
  // Whoever sits here decides, not the actor that the run was started for: `--actor` does not count.
  await approvals.decide(approval, { verdict: answer, by: gate.actor() })
  return true
}
