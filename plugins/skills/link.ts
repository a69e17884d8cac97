// Gives a pipeline those that its steps name; a cycle, a missing one and a tree without end are problems of the step that names them.
import { digest, type Json, snapshot } from 'cloned/kernel'
import type { Problem } from './document.js'
import type { Pipeline, PipelinePart } from './slot.js'

/** Far above what files may hold; a thousand steps repeat the id of their pipeline a thousand times. */
const MODEL_LIMITS = { depth: 70, bytes: 64 * 1024 * 1024 }
const MAX_DEPTH = 8
/** Steps of a run, loops counted once. */
const MAX_STEPS = 10_000

type Known = ReadonlyMap<string, PipelinePart>

interface Found {
  readonly part: PipelinePart
  /** Levels under it. */
  readonly height: number
}

/** The whole pipeline, or what is wrong with the steps that name others. */
export function linkPipeline(
  part: PipelinePart,
  known: Known,
): { readonly pipeline: Pipeline } | { readonly problems: readonly Problem[] } {
  const found = new Map<string, Found>()
  const problems = part.steps.flatMap((step, i) => {
    if (step.kind !== 'pipeline') return []
    const followed = follow(step.pipeline, [part.id], known, found)
    return typeof followed === 'number' ? [] : [{ at: ['steps', i, 'pipeline'], message: followed }]
  })
  if (problems.length > 0) return { problems }
  const parts = new Map([...found].map(([id, each]) => [id, each.part]))
  const steps = countSteps(part, parts, new Map())
  if (steps > MAX_STEPS) {
    return {
      problems: [{ at: ['steps'], message: `come to ${steps} with those of other pipelines; at most ${MAX_STEPS}` }],
    }
  }
  return { pipeline: complete(part, parts) }
}

/** Collects a pipeline and everything under it; answers how many levels that is, or why it cannot be. */
function follow(id: string, path: readonly string[], known: Known, found: Map<string, Found>): number | string {
  const way = [...path, id].join(' → ')
  if (path.includes(id)) return path.length === 1 ? `"${id}" runs itself` : `"${id}" runs itself: ${way}`
  const part = known.get(id)
  if (!part) return `there is no pipeline "${id}"`
  // Walked once, whatever the number of ways that lead to it: 200 pipelines that name each other have more ways than atoms.
  const height = found.get(id)?.height ?? heightOf(part, [...path, id], known, found)
  if (typeof height === 'string') return height
  if (path.length + height > MAX_DEPTH) return `pipelines are nested deeper than ${MAX_DEPTH} levels: ${way}`
  found.set(id, { part, height })
  return height
}

function heightOf(
  part: PipelinePart,
  path: readonly string[],
  known: Known,
  found: Map<string, Found>,
): number | string {
  if (path.length > MAX_DEPTH + 1) return `pipelines are nested deeper than ${MAX_DEPTH} levels: ${path.join(' → ')}`
  let height = 0
  for (const step of part.steps) {
    if (step.kind !== 'pipeline') continue
    const under = follow(step.pipeline, path, known, found)
    if (typeof under === 'string') return under
    height = Math.max(height, under + 1)
  }
  return height
}

function countSteps(
  part: PipelinePart,
  parts: ReadonlyMap<string, PipelinePart>,
  counted: Map<string, number>,
): number {
  const before = counted.get(part.id)
  if (before !== undefined) return before
  const sum = part.steps.reduce((total, step) => {
    const sub = step.kind === 'pipeline' ? parts.get(step.pipeline) : undefined
    return total + 1 + (sub ? countSteps(sub, parts, counted) : 0)
  }, 0)
  counted.set(part.id, sum)
  return sum
}

function complete(part: PipelinePart, parts: ReadonlyMap<string, PipelinePart>): Pipeline {
  const [pack, own] = part.constitutions
  const allowedTools = (own?.allowedTools ?? []).filter((tool) => pack?.allowedTools?.includes(tool) ?? true)
  const whole = snapshot(
    { ...part, allowedTools, parts: Object.fromEntries([...parts].sort(([a], [b]) => (a < b ? -1 : 1))) },
    MODEL_LIMITS,
  )
  return Object.freeze({ ...(whole as unknown as Omit<Pipeline, 'digest'>), digest: digest(whole as Json) })
}
