// Keeps in memory which runs this process carries out; a run that is not in here has no voice.
import { type Actor, type ActorInput, digest, type JsonObject } from 'cloned/kernel'
import type { ProvenanceSource } from '../artifacts/slot.js'
import type { Pipeline } from '../skills/slot.js'

/** A run in hand. */
export interface ActiveRun {
  readonly id: string
  readonly pipeline: Pipeline
  readonly inputsDigest: string
}

/** The runs in hand. */
export class ActiveRuns {
  readonly #runs = new Map<string, ActiveRun>()

  /** Gives a run its voice until the returned function is called. */
  enter(run: { readonly id: string; readonly pipeline: Pipeline; readonly inputs: JsonObject }): () => void {
    this.#runs.set(run.id, { id: run.id, pipeline: run.pipeline, inputsDigest: digest(run.inputs) })
    return () => this.#runs.delete(run.id)
  }

  /** The run that an actor is; `undefined` for a claim, another kind of actor and a run that is not in hand. */
  of(actor: Actor): ActiveRun | undefined {
    return actor.claimed || !isRun(actor) ? undefined : this.#runs.get(runIdOf(actor))
  }
}

const PREFIX = 'run:'

/** The id of the actor that a run's calls are made by. */
export function actorIdOf(run: string): string {
  return PREFIX + run
}

/** The actor that a run's calls are made by: nobody approves what a run asks for that they started themselves. */
export function actorOf({ id, actor }: { readonly id: string; readonly actor: Actor }): ActorInput {
  return { id: actorIdOf(id), claimed: false, osUser: actor.osUser }
}

/** Whether an actor is a run, or says so. */
export function isRun(actor: Actor): boolean {
  return actor.id.startsWith(PREFIX)
}

/** The id of the run that an actor is, or says it is. */
export function runIdOf(actor: Actor): string {
  return actor.id.slice(PREFIX.length)
}

/** Names the one effect of a step, however often it is tried; or what the run does for it besides. */
export function keyOf(run: string, path: string, besides?: 'ask' | 'output'): string {
  return besides === undefined ? `${run}/${path}` : `${run}/${path}!${besides}`
}

/** The path of a step from its key; `undefined` for what the run does besides. */
export function pathOf(key: string): string | undefined {
  return key.includes('!') ? undefined : key.slice(key.indexOf('/') + 1)
}

/** Where the result of a call comes from, for provenance: the run, its pipeline and its inputs. */
export function describeProvenance(
  runs: ActiveRuns,
  { actor, idempotencyKey: key }: Parameters<ProvenanceSource['describe']>[0],
): JsonObject | undefined {
  const run = runs.of(actor)
  if (!run) return undefined
  const { pipeline } = run
  const step = key === undefined ? undefined : pathOf(key)
  return {
    run: run.id,
    pipeline: pipeline.id,
    pipeline_digest: pipeline.digest,
    pack: pipeline.pack,
    pack_version: pipeline.packVersion,
    inputs_digest: run.inputsDigest,
    ...(step === undefined ? {} : { step }),
  }
}
