// Has the person at the terminal decide what a run waits for; must never decide where nobody answered.
import type { Approvals, Gate } from 'cloned/kernel'
import type { CommandContext } from '../cli/slot.js'
import type { Run, RunStep } from './slot.js'
import { flat } from './tree.js'

/** What a decision on a run's request needs. */
export interface DecisionParts {
  readonly gate: Pick<Gate, 'actor'>
  readonly approvals: Pick<Approvals, 'decide'> | undefined
  /** Whether the policy lets the operating-system user who started the run decide. */
  readonly selfDecision: () => boolean
}

/** The first step that a run waits for a person at. */
export function askingStep({ state, steps }: Run): (RunStep & { readonly approval: string }) | undefined {
  if (state !== 'waiting') return undefined
  return flat(steps).find(
    (step): step is RunStep & { readonly approval: string } =>
      step.approval !== undefined && (step.state === 'waiting' || step.state === 'indeterminate'),
  )
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
  const approval = askingStep(run)?.approval
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
