// Advances one run until it ends or must wait; every step is stored as running before its call is made.
import type { Approvals, AuditLog, Gate, Outcome } from 'cloned/kernel'
import type { Skills } from '../skills/slot.js'
import type { ActiveRun, ActiveRuns } from './active.js'
import { judgeInterrupted } from './interrupted.js'
import { hasEnded, isConflict, type Ledger } from './ledger.js'
import { afterCall, approvalDenied, callStep, endStep, finish, indeterminate, inputOf } from './step.js'
import type { StoredRun, StoredStep } from './tables.js'

export interface EngineDeps {
  readonly ledger: Ledger
  readonly gate: Gate
  readonly skills: Skills
  readonly audit: Pick<AuditLog, 'calls'>
  readonly approvals: Pick<Approvals, 'get'> | undefined
  readonly active: ActiveRuns
  /** Id of this kernel instance, once it is known. */
  readonly instance: () => string | undefined
}

/** How the hand that advances a run is told to stop. */
export interface Hand {
  /** Aborts the call in hand: the run was cancelled, or the process stops. */
  readonly signal: AbortSignal
  /** Whether the process stops; the run is then left where it stands, to be resumed. */
  readonly leaving: () => boolean
}

/** Advances a run as far as it goes. The caller holds the run: no other process may advance it meanwhile. */
export async function advance(id: string, hand: Hand, deps: EngineDeps): Promise<void> {
  let run = await deps.ledger.load(id)
  if (!run || hasEnded(run.state)) return
  const { run: active, leave } = deps.active.enter({ id, pipeline: run.definition, inputs: run.inputs })
  try {
    while (run && !hasEnded(run.state) && !hand.leaving()) {
      if (!(await next(run, active, hand, deps))) return
      run = await deps.ledger.load(id)
    }
  } finally {
    leave()
  }
}

/** Takes one run one step further; `false` when it cannot go on now. */
async function next(run: StoredRun, active: ActiveRun, hand: Hand, deps: EngineDeps): Promise<boolean> {
  const { ledger, skills } = deps
  const index = run.steps.findIndex(({ state }) => state !== 'done')
  const step = run.steps[index]
  if (!step) return moved(ledger.move(run, finish(run, skills)))
  active.step = step.id
  if (step.state === 'waiting') {
    const approval = step.approval === undefined ? undefined : await deps.approvals?.get(step.approval)
    if (approval?.state === 'pending') return false
    if (approval?.state === 'denied') {
      return moved(ledger.move(run, endStep(run, index, 'denied', approvalDenied(step, approval.reason))))
    }
    // Approved: the gate lets the identical call through, once. Expired or gone: the gate asks again.
  }
  if (step.state === 'running') {
    const tool = (id: string) => deps.gate.tools().find((known) => known.id === id)
    if ((await judgeInterrupted(run, step, { audit: deps.audit, tool })) === 'indeterminate') {
      return moved(ledger.move(run, endStep(run, index, 'indeterminate', indeterminate(run, step))))
    }
  }
  return dispatch(run, index, step, hand, deps)
}

async function dispatch(
  run: StoredRun,
  index: number,
  step: StoredStep,
  hand: Hand,
  { ledger, gate, skills, instance }: EngineDeps,
): Promise<boolean> {
  const made = inputOf(run, index, skills)
  if ('error' in made) return moved(ledger.move(run, endStep(run, index, 'failed', made.error)))
  const running = { index, state: 'running' as const, calls: step.calls, instance: instance() }
  if (!(await moved(ledger.move(run, { state: 'running', step: running })))) return false
  const outcome = await callStep(gate, run, step, made.input, hand.signal)
  if (hand.leaving() && wasStopped(outcome) && !(await isCancelled(run.id, ledger))) {
    // Not the step's fault. What is known to have done nothing is repeated on resume; the rest stays `running`, and
    // resuming judges it as it would after a crash.
    if (outcome.effect === 'none') {
      await ledger.note(run.id, { index, state: 'pending', calls: [...step.calls, outcome.callId] })
    }
    return false
  }
  const to = afterCall(run, index, outcome, skills)
  const held = { ...run, version: run.version + 1 }
  // Also after a wait was stored: whoever decided before that found no waiting run to wake.
  if (await moved(ledger.move(held, to))) return true
  // Cancelled while the call was in hand: the run stays as it is, what became of the step is not lost.
  if (to.step) await ledger.note(run.id, to.step)
  return false
}

async function isCancelled(id: string, ledger: Ledger): Promise<boolean> {
  return (await ledger.load(id))?.state === 'cancelled'
}

function wasStopped(outcome: Outcome): outcome is Extract<Outcome, { status: 'failed' }> {
  return outcome.status === 'failed' && outcome.code === 'CANCELLED'
}

/** `false` when somebody else, who cancelled it, moved the run first. */
async function moved(move: Promise<void>): Promise<boolean> {
  try {
    await move
    return true
  } catch (error) {
    if (isConflict(error)) return false
    throw error
  }
}
