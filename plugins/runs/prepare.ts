// Makes a run of a request; a pipeline that is not known or inputs that do not fit never become one.
import { randomBytes } from 'node:crypto'
import { type Actor, ClonedError, compileSchema, type Gate, type JsonObject, snapshot } from 'cloned/kernel'
import type { Pipeline, Skills } from '../skills/slot.js'
import { isRun } from './active.js'
import type { RunRequest } from './slot.js'
import type { StoredRun } from './tables.js'

/** Checks a request and makes the run of it. Throws `PIPELINE_UNKNOWN`, `RUN_INPUTS_INVALID`, `RUN_CLAIMED`. */
export async function prepareRun(
  request: RunRequest,
  { skills, gate, now }: { readonly skills: Skills; readonly gate: Pick<Gate, 'actor'>; readonly now: () => number },
): Promise<StoredRun> {
  const actor = personOf(gate.actor(request.actor))
  const pipeline = await find(skills, request.pipeline)
  return {
    id: `run_${randomBytes(8).toString('hex')}`,
    pipeline: pipeline.id,
    pipelineDigest: pipeline.digest,
    definition: pipeline,
    inputs: checkInputs(pipeline, request.inputs),
    actor,
    state: 'running',
    version: 1,
    createdAt: now(),
    steps: pipeline.steps.map(({ id, tool }) => ({ id, tool, state: 'pending', calls: [] })),
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

function checkInputs(pipeline: Pipeline, inputs: unknown): JsonObject {
  // Copied before it is checked: checking fills in the defaults of the schema.
  const filled = structuredClone(snapshot(inputs ?? {}))
  const problems = compileSchema(pipeline.inputs, { defaults: true })(filled)
  if (problems.length === 0) return snapshot(filled) as JsonObject
  const worded = problems.map(({ path, message }) => `${path} ${message}`).join('; ')
  throw new ClonedError('RUN_INPUTS_INVALID', { pipeline: pipeline.id, problems: worded })
}
