// Makes a run of a request; a pipeline that is not known or inputs that do not fit never become one.
import { randomBytes } from 'node:crypto'
import { type Actor, ClonedError, type Gate, type JsonObject, snapshot } from 'cloned/kernel'
import type { Pipeline, Skills } from '../skills/slot.js'
import { isRun } from './active.js'
import type { RunRequest } from './slot.js'
import { FORMAT, type Node, type StoredRun } from './tables.js'
import { fitInputs } from './walk.js'

export interface PrepareDeps {
  readonly skills: Skills
  readonly gate: Pick<Gate, 'actor'>
  readonly now: () => number
}

/**
 * Checks a request and makes the run of it. Throws `PIPELINE_UNKNOWN`, `RUN_INPUTS_INVALID`, `RUN_CLAIMED`, and what
 * `Skills.mustRun` throws.
 */
export async function prepareRun(request: RunRequest, { skills, gate, now }: PrepareDeps): Promise<StoredRun> {
  const actor = personOf(gate.actor(request.actor))
  const pipeline = await find(skills, request.pipeline)
  const inputs = fitInputs(pipeline, snapshot(request.inputs ?? {})) as JsonObject
  await skills.mustRun(pipeline)
  return newRun(pipeline, inputs, actor, now())
}

/**
 * For a run that was prepared earlier: whether its pack is still there, with what that needs. Throws `RUN_FORMAT`,
 * `RUN_PIPELINE_GONE`, and what `Skills.mustRun` throws.
 */
export async function mustStillRun({ id: run, format, definition }: StoredRun, skills: Skills): Promise<void> {
  if (format !== FORMAT) throw new ClonedError('RUN_FORMAT', { run })
  const { id: pipeline, packVersion: version } = definition
  if (!(await skills.pipeline(pipeline))) throw new ClonedError('RUN_PIPELINE_GONE', { pipeline, version })
  await skills.mustRun(definition)
}

/** A run that has not begun. */
export function newRun(
  definition: Pipeline,
  inputs: JsonObject,
  actor: Actor,
  createdAt: number,
  begun: { readonly nodes: readonly Node[]; readonly rerunOf: string } | undefined = undefined,
): StoredRun {
  return {
    id: `run_${randomBytes(8).toString('hex')}`,
    format: FORMAT,
    definition,
    inputs,
    actor,
    state: 'running',
    version: 1,
    epoch: 0,
    carriers: [],
    createdAt,
    ...(begun ? { rerunOf: begun.rerunOf } : {}),
    nodes: new Map(begun?.nodes.map((node) => [node.path, node])),
  }
}

/** Throws `RUN_CLAIMED` for an actor that only says it is a run. */
export function personOf(actor: Actor): Actor {
  if (actor.claimed && isRun(actor)) throw new ClonedError('RUN_CLAIMED', { actor: actor.id })
  return actor
}

async function find(skills: Skills, id: string): Promise<Pipeline> {
  const found = await skills.pipeline(id)
  if (found) return found
  const known = (await skills.pipelines()).map((pipeline) => pipeline.id)
  throw new ClonedError('PIPELINE_UNKNOWN', { pipeline: id, known: known.join(', ') || 'there are none' })
}
