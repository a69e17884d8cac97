// Takes a run through its steps as far as they go now; a step begins only once everything before it has ended well.
import { ClonedError, compileSchema, type Json, snapshot, wordProblems } from 'cloned/kernel'
import type { Held, PipelinePart, PipelineStep, Scope, SubPipelineStep } from '../skills/slot.js'
import { askStep } from './ask.js'
import { callStep } from './call.js'
import { type End, ended, STUCK } from './ends.js'
import { errorOf } from './errors.js'
import { keepOutput, readOutput } from './outputs.js'
import type { CallParts, Place } from './parts.js'
import type { Node } from './tables.js'

/** Loops inside loops multiply, and every item is a row and a part of memory. */
export const MAX_BEGUN = 100_000

/** Takes the whole pipeline of a run. */
export function walkRun(parts: CallParts): Promise<End> {
  const { run } = parts.journal
  const held = heldBy(run.definition, '', run.createdAt)
  return walkPipeline({ path: '', pipeline: run.definition, held }, run.inputs, parts)
}

async function walkPipeline(place: Place, inputs: Json, parts: CallParts): Promise<End> {
  const steps: Record<string, { readonly output: Json }> = Object.create(null)
  const scope: Scope = { inputs, steps }
  for (const step of place.pipeline.steps) {
    if (parts.journal.stopped) return STUCK
    const path = place.path === '' ? step.id : `${place.path}/${step.id}`
    const end = await walkStep(step, { ...place, path }, scope, parts)
    if (end.kind !== 'done') return end
    steps[step.id] = { output: end.output }
  }
  return attempt(() => parts.skills.fill(place.pipeline.output, scope))
}

async function walkStep(step: PipelineStep, place: Place, scope: Scope, parts: CallParts): Promise<End> {
  const { journal, skills } = parts
  const over = await endOf(journal.node(place.path), parts)
  if (over) return over
  if (step.if !== undefined && !journal.has(place.path)) {
    const judged = attempt(() => mustBeBoolean(skills.fill(step.if ?? '', scope), place.path))
    if (judged.kind !== 'done') return fail(judged, place, parts)
    if (judged.output === false) {
      await journal.put(ended(journal.node(place.path), 'skipped', journal.now()))
      return { kind: 'done', output: null }
    }
  }
  if (!step.forEach) return walkOne(step, inStep(step, place, parts), scope, parts)
  await begin(place.path, parts)
  const end = await walkItems(step, inStep(step, place, parts), scope, parts)
  return end.kind === 'done' ? keep(end.output, place, parts) : end
}

/** Each lane takes the next item when its last one has ended; one that is stuck keeps its lane. */
async function walkItems(step: PipelineStep, place: Place, scope: Scope, parts: CallParts): Promise<End> {
  const { journal, skills } = parts
  const { items = [], concurrency = 1, maxItems = 0 } = step.forEach ?? {}
  const listed = attempt(() => mustBeList(skills.fill(items, scope), maxItems, place.path))
  if (listed.kind !== 'done') return fail(listed, place, parts)
  const list = listed.output as readonly Json[]
  const outputs: Json[] = new Array(list.length).fill(null)
  const bad: End[] = []
  let next = 0
  const lane = async () => {
    while (next < list.length && bad.length === 0 && !journal.stopped) {
      const index = next++
      const end = await walkOne(
        step,
        { ...place, path: `${place.path}[${index}]` },
        { ...scope, item: list[index] ?? null, index },
        parts,
      )
      if (end.kind === 'done') outputs[index] = end.output
      else if (end.kind === 'failed') bad.push(end)
      else return STUCK
    }
    return undefined
  }
  // Every lane comes to its end, also when another one throws: a call in hand is never left alone.
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(concurrency, list.length) }, lane))
  for (const ending of lanes) if (ending.status === 'rejected') throw ending.reason
  const stuck = next < list.length || lanes.some((ending) => ending.status === 'fulfilled' && ending.value)
  return bad[0] ?? (stuck ? STUCK : { kind: 'done', output: outputs })
}

async function walkOne(step: PipelineStep, place: Place, scope: Scope, parts: CallParts): Promise<End> {
  const over = await endOf(parts.journal.node(place.path), parts)
  if (over) return over
  if (step.kind === 'call') return callStep(step, place, scope, parts)
  if (step.kind === 'approval') return askStep(step, place, scope, parts)
  return walkPart(step, place, scope, parts)
}

async function walkPart(step: SubPipelineStep, place: Place, scope: Scope, parts: CallParts): Promise<End> {
  const { journal, skills } = parts
  const pipeline = journal.run.definition.parts[step.pipeline]
  const inputs = attempt(() => {
    if (!pipeline) throw new ClonedError('RUN_PART_MISSING', { pipeline: step.pipeline, step: place.path })
    return fitInputs(pipeline, skills.fill(step.inputs, scope))
  })
  if (inputs.kind !== 'done' || !pipeline) return fail(inputs, place, parts)
  await begin(place.path, parts)
  const held = [...place.held, ...heldBy(pipeline, place.path, journal.node(place.path).startedAt)]
  const end = await walkPipeline({ path: place.path, pipeline, held }, inputs.output, parts)
  return end.kind === 'done' ? keep(end.output, place, parts) : end
}

/** Checks inputs against the schema of a pipeline and fills in its defaults. Throws `RUN_INPUTS_INVALID`. */
export function fitInputs(pipeline: PipelinePart, inputs: Json): Json {
  // Copied before it is checked: checking fills in the defaults of the schema.
  const filled = structuredClone(inputs)
  const problems = compileSchema(pipeline.inputs, { defaults: true })(filled)
  if (problems.length === 0) return snapshot(filled)
  throw new ClonedError('RUN_INPUTS_INVALID', { pipeline: pipeline.id, problems: wordProblems(problems) })
}

/** How a step has ended already, or cannot begin. */
async function endOf(node: Node, parts: CallParts): Promise<End | undefined> {
  const { size } = parts.journal
  if (size >= MAX_BEGUN && !parts.journal.has(node.path)) {
    const error = errorOf(new ClonedError('RUN_LARGE', { step: node.path, steps: size }))
    return fail({ kind: 'failed', error }, node, parts)
  }
  if (node.state === 'done') return { kind: 'done', output: await readOutput(node, parts) }
  if (node.state === 'skipped') return { kind: 'done', output: null }
  if (node.state !== 'failed' && node.state !== 'denied') return undefined
  return { kind: 'failed', error: node.error ?? errorOf(new Error('it ended without saying why')) }
}

/** Notes when a step began that makes no call of its own. */
async function begin(path: string, { journal }: CallParts): Promise<void> {
  if (!journal.has(path)) await journal.put({ ...journal.node(path), state: 'running' }, { durable: false })
}

async function keep(output: Json, { path }: Place, parts: CallParts): Promise<End> {
  const kept = await keepOutput(path, output, parts)
  if ('kind' in kept) return fail(kept, { path }, parts)
  await parts.journal.put(ended(parts.journal.node(path), 'done', parts.journal.now(), kept))
  return { kind: 'done', output }
}

async function fail(end: End, { path }: Pick<Place, 'path'>, { journal }: CallParts): Promise<End> {
  if (end.kind === 'failed') await journal.put(ended(journal.node(path), 'failed', journal.now(), { error: end.error }))
  return end
}

/** The constitutions around a step with its own. */
function inStep(step: PipelineStep, place: Place, { journal }: CallParts): Place {
  const own = { constitution: step.constitution, at: place.path, since: journal.node(place.path).startedAt }
  return { ...place, held: [...place.held, own] }
}

function heldBy({ constitutions }: PipelinePart, at: string, since: number): readonly Held[] {
  return constitutions.map((constitution) => ({ constitution, at, since }))
}

function attempt(make: () => Json): End {
  try {
    return { kind: 'done', output: make() }
  } catch (thrown) {
    return { kind: 'failed', error: errorOf(thrown) }
  }
}

function mustBeBoolean(value: Json, step: string): Json {
  if (typeof value === 'boolean') return value
  throw new ClonedError('RUN_CONDITION', { step, found: Array.isArray(value) ? 'a list' : typeof value })
}

function mustBeList(value: Json, limit: number, step: string): Json {
  if (!Array.isArray(value)) throw new ClonedError('RUN_ITEMS', { step, problem: 'they are no list' })
  if (value.length <= limit) return value
  throw new ClonedError('RUN_ITEMS', { step, problem: `there are ${value.length}, and at most ${limit} may be` })
}
