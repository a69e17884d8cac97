// Names the runs service: durable execution of pipelines; interface and tokens only.
import { type Actor, type ActorInput, actionKind, type Json, type JsonObject, slot } from 'cloned/kernel'

/**
 * `running`: goes on by itself, now or when there is room. `waiting`: for a person. `paused`: until somebody resumes it.
 * The others are ends; `failed` can be retried by a person.
 */
export type RunState = 'running' | 'waiting' | 'paused' | 'done' | 'failed' | 'cancelled'

/**
 * `skipped`: its condition was false, or it was denied and the pipeline says to go on. `indeterminate`: the process died
 * after the call was let through, so nobody knows whether it had its effect; a person is asked.
 */
export type RunStepState =
  | 'pending'
  | 'running'
  | 'waiting'
  | 'done'
  | 'skipped'
  | 'denied'
  | 'failed'
  | 'indeterminate'
  | 'cancelled'

/** Why a run or a step came to a bad end, and what to type next. */
export interface RunError {
  readonly code: string
  readonly message: string
  readonly help: string
  /** What is known of the step's effect on the world; absent where nothing was started. */
  readonly effect?: 'none' | 'happened' | 'unknown'
}

/** A step, an item of a loop, or a step of a pipeline inside. */
export interface RunStep {
  /** Id of the step; of an item its place in the list, `[0]`. */
  readonly id: string
  /** Where it stands in the run: `check[3]`, `report/save`. */
  readonly path: string
  readonly kind: 'call' | 'approval' | 'pipeline'
  /** The tool of a call. */
  readonly tool?: string
  readonly state: RunStepState
  /** How often its call was made. */
  readonly attempts: number
  /** The last call that was made for it; its records are in the audit log. */
  readonly callId?: string
  /** The approval that it waits for. */
  readonly approval?: string
  /** When it is tried again, milliseconds since 1970. */
  readonly due?: number
  readonly startedAt?: number
  readonly endedAt?: number
  readonly output?: Json
  /** The artifact that holds an output too large to show. */
  readonly artifact?: string
  readonly error?: RunError
  /** Its items, or the steps of its pipeline, as far as they have begun. */
  readonly steps?: readonly RunStep[]
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
  /** The run whose steps this one began with. */
  readonly rerunOf?: string
  readonly steps: readonly RunStep[]
  readonly output?: Json
  readonly error?: RunError
}

/** How a step would be judged now. */
export interface StepPreview {
  readonly path: string
  readonly kind: RunStep['kind']
  readonly tool?: string
  /** `later`: it depends on what earlier steps answer. `skip`: its condition is false. */
  readonly verdict: 'allow' | 'ask' | 'deny' | 'later' | 'skip'
  readonly reason?: string
  readonly help?: string
  /** With everything filled in; absent where it is not known yet. */
  readonly input?: Json
  /** Cost of the call by budget category, as its tool states it; `unknown` where that cannot be known before. */
  readonly cost?: { readonly [category: string]: number | 'unknown' }
  /** How often it runs: the items of a loop whose list is known. A loop shows its first items only. */
  readonly times?: number
}

/** Which pipeline to run with what. */
export interface RunRequest {
  readonly pipeline: string
  readonly inputs: unknown
  readonly actor?: ActorInput | undefined
}

/** How to follow a run. */
export interface FollowOptions {
  /** Hears of the run whenever it has changed. */
  readonly onStep?: (run: Run) => void
  /** Goes on following while the run waits for a person. */
  readonly wait?: boolean
  /** Ends the following, not the run. */
  readonly signal?: AbortSignal
}

export interface ResumeOptions {
  /** Repeats what failed, or whose effect is not known, on the word of `actor`. */
  readonly retry?: boolean
  /** Takes the one step whose effect is not known for done, with this output, on the word of `actor`. */
  readonly happened?: { readonly step?: string; readonly output: Json }
  readonly actor?: ActorInput | undefined
}

export interface Runs {
  /**
   * Stores a run and starts it; resolves as soon as it is durable.
   * Throws `PIPELINE_UNKNOWN`, `RUN_INPUTS_INVALID` with every problem, `FILE_INVALID`, `RUN_CLAIMED`, and what
   * `Skills.mustRun` throws.
   */
  start(request: RunRequest): Promise<Run>
  /** The whole plan, judged without running any of it; writes and records nothing. Throws what `start` throws. */
  preview(request: RunRequest): Promise<readonly StepPreview[]>
  get(id: string): Promise<Run | undefined>
  /** Newest first, at most `limit` (100). */
  list(options?: { readonly limit?: number }): Promise<readonly Run[]>
  /**
   * Lets one run go on, or every run that waits or was interrupted; resolves when none of them can go on by itself.
   * Throws `RUN_UNKNOWN`, `RUN_ENDED`, `RUN_STEP_UNKNOWN`.
   */
  resume(id?: string, options?: ResumeOptions): Promise<readonly Run[]>
  /** Lets the calls in hand end and begins no other. Throws `RUN_UNKNOWN`, `RUN_ENDED`. */
  pause(id: string, options?: { readonly actor?: ActorInput | undefined }): Promise<Run>
  /** Ends a run; the call in hand is told to stop. Throws `RUN_UNKNOWN`, `RUN_ENDED`. */
  cancel(id: string, options?: { readonly actor?: ActorInput | undefined }): Promise<Run>
  /**
   * Starts a new run of the same pipeline, as it was, with the same inputs; what the steps before `from` answered is taken
   * over, except that what asked a person asks again. Throws `RUN_UNKNOWN`, `RUN_STEP_UNKNOWN`, `RUN_FORMAT`,
   * `RUN_PIPELINE_GONE`, and what `Skills.mustRun` throws.
   */
  rerun(id: string, options?: { readonly from?: string; readonly actor?: ActorInput | undefined }): Promise<Run>
  /** Resolves when the run has ended, is paused or waits for a person. Throws `RUN_UNKNOWN`. */
  settled(id: string, following?: FollowOptions | ((run: Run) => void)): Promise<Run>
}

export const runsSlot = slot<Runs>('cloned.runs', { contract: 2 })

/** What a run asks a person. */
export type RunQuestion = {
  readonly run: string
  readonly step: string
  /** `repeat`: whether to make a call again that may have had its effect. */
  readonly about: 'approval' | 'repeat'
  readonly message: string
  readonly show: Json
}

/** A run asks a person. It always asks, whatever the policy allows; only a run in hand may act so. */
export const runAsk = actionKind<RunQuestion, { approved: true }, 'run.ask'>({
  id: 'run.ask',
  contract: 1,
  record: 'run',
  onApproval: 'caller',
})
