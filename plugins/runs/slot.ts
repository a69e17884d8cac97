// Names the runs service: durable execution of pipelines; interface and token only.
import { type Actor, type ActorInput, type Json, type JsonObject, slot } from 'cloned/kernel'

/** `running`: goes on by itself. `waiting`: for a person. The others are ends; `failed` can be retried by a person. */
export type RunState = 'running' | 'waiting' | 'done' | 'failed' | 'cancelled'

/** `indeterminate`: the process died after the call was let through, so nobody knows whether it had its effect. */
export type RunStepState = 'pending' | 'running' | 'waiting' | 'done' | 'denied' | 'failed' | 'indeterminate'

/** Why a run or a step came to a bad end, and what to type next. */
export interface RunError {
  readonly code: string
  readonly message: string
  readonly help: string
  /** What is known of the step's effect on the world; absent where nothing was started. */
  readonly effect?: 'none' | 'happened' | 'unknown'
}

export interface RunStep {
  readonly id: string
  readonly tool: string
  readonly state: RunStepState
  /** The last call that was made for this step; its records are in the audit log. */
  readonly callId?: string
  /** The approval that a `waiting` step waits for. */
  readonly approval?: string
  readonly output?: Json
  readonly error?: RunError
}

export interface Run {
  readonly id: string
  readonly pipeline: string
  /** SHA-256 of the pipeline as it was when the run started; a later edit does not change the run. */
  readonly pipelineDigest: string
  readonly state: RunState
  readonly inputs: JsonObject
  /** Who started it. Its calls are made by `run:<id>`. */
  readonly actor: Actor
  readonly createdAt: number
  readonly endedAt?: number
  readonly steps: readonly RunStep[]
  readonly output?: Json
  readonly error?: RunError
}

/** How a step would be judged now. */
export interface StepPreview {
  readonly id: string
  readonly tool: string
  /** `later`: its input depends on what earlier steps answer. */
  readonly verdict: 'allow' | 'ask' | 'deny' | 'later'
  readonly reason?: string
  readonly help?: string
}

/** Which pipeline to run with what. */
export interface RunRequest {
  readonly pipeline: string
  readonly inputs: unknown
  readonly actor?: ActorInput | undefined
}

export interface Runs {
  /**
   * Stores a run and starts it; resolves as soon as it is durable.
   * Throws `PIPELINE_UNKNOWN`, `RUN_INPUTS_INVALID` with every problem, `FILE_INVALID`, `RUN_CLAIMED`.
   */
  start(request: RunRequest): Promise<Run>
  /** Judges the steps without running any; writes and records nothing. Throws what `start` throws. */
  preview(request: RunRequest): Promise<readonly StepPreview[]>
  get(id: string): Promise<Run | undefined>
  /** Newest first, at most `limit` (100). */
  list(options?: { readonly limit?: number }): Promise<readonly Run[]>
  /**
   * Wakes one run, or every run that waits or was interrupted; resolves when none of them can go on by itself.
   * With `retry` a failed run repeats the step that failed, on the word of `actor`. Throws `RUN_UNKNOWN`, `RUN_ENDED`.
   */
  resume(
    id?: string,
    options?: { readonly retry?: boolean; readonly actor?: ActorInput | undefined },
  ): Promise<readonly Run[]>
  /** Ends a run; the call in hand is told to stop. Throws `RUN_UNKNOWN`, `RUN_ENDED`. */
  cancel(id: string, options?: { readonly actor?: ActorInput | undefined }): Promise<Run>
  /** Resolves when the run has ended or waits for a person; `onStep` hears of every change. Throws `RUN_UNKNOWN`. */
  settled(id: string, onStep?: (run: Run) => void): Promise<Run>
}

export const runsSlot = slot<Runs>('cloned.runs', { contract: 1 })
