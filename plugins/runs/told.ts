// Says what a change of a run means for those who follow events; holds no input, no output and no message.
import type { JsonObject } from 'cloned/kernel'
import type { EventType, NewEvent } from '../events/slot.js'
import type { RunError, RunState, RunStepState } from './slot.js'
import type { Node } from './tables.js'

const RUN: Readonly<Record<RunState, string>> = {
  running: 'A run was started, or goes on',
  waiting: 'A run waits for a person',
  paused: 'A run was paused',
  done: 'A run has ended well',
  failed: 'A run has failed',
  cancelled: 'A run was cancelled',
}
const STEP: Readonly<Record<RunStepState, string>> = {
  pending: 'A step is to be tried again',
  running: 'A step has been at it for a moment; one that is quicker is told of only as it ends',
  waiting: 'A step waits for a person',
  done: 'A step has ended well',
  skipped: 'A step was left out',
  denied: 'The call of a step was denied',
  failed: 'A step has failed',
  cancelled: 'A step was cancelled',
  indeterminate: 'A step began and nobody knows how it ended',
}

export const EVENT_TYPES: readonly EventType[] = [
  ...Object.entries(RUN).map(([state, summary]) => ({ type: `run.${state}`, summary })),
  ...Object.entries(STEP).map(([state, summary]) => ({ type: `step.${state}`, summary })),
]

/** `pipeline` is told when the run starts. */
export function toldOfRun(run: string, state: RunState, about: { pipeline?: string; error?: RunError } = {}): NewEvent {
  const { pipeline, error } = about
  const data: JsonObject = {
    run,
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(error ? { code: error.code } : {}),
  }
  return { type: `run.${state}`, subject: run, data }
}

export function toldOfStep(run: string, { path, state, calls, approval, error }: Node): NewEvent {
  const data: JsonObject = {
    run,
    step: path,
    ...(calls.length > 0 ? { call_id: calls.at(-1) ?? '' } : {}),
    ...(approval === undefined ? {} : { approval }),
    ...(error ? { code: error.code } : {}),
  }
  return { type: `step.${state}`, subject: run, data }
}
