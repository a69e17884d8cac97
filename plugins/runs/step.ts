// Makes the call of one step and says what the run becomes by its outcome; stores nothing.
import {
  ClonedError,
  describeThrown,
  type Gate,
  isClonedError,
  type Json,
  type JsonObject,
  type Outcome,
} from 'cloned/kernel'
import type { Skills } from '../skills/slot.js'
import { actorOf } from './active.js'
import type { RunMove, StepMove } from './ledger.js'
import type { RunError } from './slot.js'
import type { StoredRun, StoredStep } from './tables.js'

/** What templates of a run may name. */
export function scopeOf(inputs: Json, steps: readonly Pick<StoredStep, 'id' | 'output'>[]): JsonObject {
  const finished = steps.filter(({ output }) => output !== undefined)
  return { inputs, steps: Object.fromEntries(finished.map(({ id, output }) => [id, { output: output as Json }])) }
}

/** The input of a step, or why it cannot be made. */
export function inputOf(run: StoredRun, index: number, skills: Skills): { input: Json } | { error: RunError } {
  try {
    return { input: skills.fill(run.definition.steps[index]?.input ?? {}, scopeOf(run.inputs, run.steps)) }
  } catch (thrown) {
    return { error: errorOf(thrown) }
  }
}

/** Calls a step's tool as the run. */
export function callStep(
  gate: Gate,
  run: StoredRun,
  step: StoredStep,
  input: Json,
  signal: AbortSignal,
): Promise<Outcome> {
  return gate.call({ tool: step.tool, input, actor: { id: actorOf(run.id), claimed: false } }, { signal })
}

/** What a run becomes when the call of a step has ended. */
export function afterCall(run: StoredRun, index: number, outcome: Outcome, skills: Skills): RunMove {
  const step: Pick<StepMove, 'index' | 'calls'> = {
    index,
    // A kernel that could not even begin the call has given it no id.
    calls: [...(run.steps[index]?.calls ?? []), ...(outcome.callId === '' ? [] : [outcome.callId])],
  }
  switch (outcome.status) {
    case 'done': {
      const done: StepMove = { ...step, state: 'done', output: outcome.output }
      return index < run.steps.length - 1 ? { state: 'running', step: done } : finish(run, skills, done)
    }
    case 'pending':
      return { state: 'waiting', step: { ...step, state: 'waiting', approval: outcome.approval.id } }
    case 'denied': {
      const error = { code: outcome.code, message: outcome.reason, help: outcome.help, effect: 'none' as const }
      return { state: 'failed', error, step: { ...step, state: 'denied', error } }
    }
    case 'failed': {
      const { code, reason, help, effect } = outcome
      const error = { code, message: reason, help, effect }
      return { state: 'failed', error, step: { ...step, state: 'failed', error } }
    }
    case 'dry-run':
      // Never asked for here; were it taken for a result, a step that did not run would count as done.
      throw new TypeError('a step was judged instead of run')
  }
}

/** What a run becomes when its steps are done; `last` is the step that has just ended. */
export function finish(run: StoredRun, skills: Skills, last?: StepMove): RunMove {
  const steps = run.steps.map((step, i) =>
    last && last.index === i && last.output !== undefined ? { ...step, output: last.output } : step,
  )
  const move = last ? { step: last } : {}
  try {
    return { state: 'done', output: skills.fill(run.definition.output, scopeOf(run.inputs, steps)), ...move }
  } catch (thrown) {
    return { state: 'failed', error: errorOf(thrown), ...move }
  }
}

/** What a run becomes when a step ends without a call. */
export function endStep(
  run: StoredRun,
  index: number,
  state: 'denied' | 'failed' | 'indeterminate',
  error: RunError,
): RunMove {
  return { state: 'failed', error, step: { index, state, calls: run.steps[index]?.calls ?? [], error } }
}

export function errorOf(thrown: unknown): RunError {
  if (isClonedError(thrown)) return { code: thrown.code, message: thrown.message, help: thrown.help }
  const message = describeThrown(thrown)
  return { code: 'HANDLER_FAILED', message, help: 'See the record: cloned audit tail' }
}

/** The error of a step whose approval a person denied. */
export function approvalDenied(step: StoredStep, reason: string | undefined): RunError {
  return errorOf(
    new ClonedError('RUN_APPROVAL_DENIED', {
      approval: step.approval ?? '',
      step: step.id,
      reason: reason === undefined ? '' : `: ${reason}`,
    }),
  )
}

/** The error of a step that may have had its effect when its process died. */
export function indeterminate(run: StoredRun, step: StoredStep): RunError {
  const error = new ClonedError('RUN_STEP_INDETERMINATE', { step: step.id, tool: step.tool, run: run.id })
  return { ...errorOf(error), effect: 'unknown' }
}
