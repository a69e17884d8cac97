// Keeps in memory which runs this process carries out; a run that is not in here has no voice.
import { type Action, type Actor, digest, type JsonObject } from 'cloned/kernel'
import type { Pipeline } from '../skills/slot.js'

/** A run in hand. */
export interface ActiveRun {
  readonly id: string
  readonly pipeline: Pipeline
  readonly inputsDigest: string
  readonly allowed: ReadonlySet<string>
  /** The step in hand. */
  step?: string
}

/** The runs in hand. */
export class ActiveRuns {
  readonly #runs = new Map<string, ActiveRun>()

  /** Gives a run its voice until the returned function is called. */
  enter(run: Pick<ActiveRun, 'id' | 'pipeline'> & { readonly inputs: JsonObject }): { run: ActiveRun; leave(): void } {
    const active: ActiveRun = {
      id: run.id,
      pipeline: run.pipeline,
      inputsDigest: digest(run.inputs),
      allowed: new Set(run.pipeline.allowedTools),
    }
    this.#runs.set(run.id, active)
    return { run: active, leave: () => this.#runs.delete(run.id) }
  }

  /** The run that an actor is; `undefined` for a claim, another kind of actor and a run that is not in hand. */
  of(actor: Actor): ActiveRun | undefined {
    return actor.claimed || !isRun(actor) ? undefined : this.#runs.get(runIdOf(actor))
  }
}

const PREFIX = 'run:'

/** The actor that a run's calls are made by. */
export function actorOf(run: string): string {
  return PREFIX + run
}

/** Whether an actor is a run, or says so. */
export function isRun(actor: Actor): boolean {
  return actor.id.startsWith(PREFIX)
}

/** The id of the run that an actor is, or says it is. */
export function runIdOf(actor: Actor): string {
  return actor.id.slice(PREFIX.length)
}

/** Where the result of a call comes from, for provenance: the run, its pipeline and its inputs. */
export function describeProvenance(runs: ActiveRuns, { actor }: Pick<Action, 'actor'>): JsonObject | undefined {
  const run = runs.of(actor)
  if (!run) return undefined
  const { pipeline } = run
  return {
    run: run.id,
    pipeline: pipeline.id,
    pipeline_digest: pipeline.digest,
    pack: pipeline.pack,
    pack_version: pipeline.packVersion,
    inputs_digest: run.inputsDigest,
    ...(run.step === undefined ? {} : { step: run.step }),
  }
}
