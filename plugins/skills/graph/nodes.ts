// Lays out a pipeline as rows of boxes, one under the other; sub-pipelines stand indented under the step that runs them.
import type { Pipeline, PipelinePart, PipelineStep } from '../slot.js'

/** One box. */
export interface GraphNode {
  /** Path of the step. */
  readonly path: string
  readonly depth: number
  readonly kind: PipelineStep['kind']
  readonly title: string
  /** What it calls, asks or runs. */
  readonly detail: string
  /** Conditions and limits, in words. */
  readonly notes: readonly string[]
}

/** More than this nobody can read. */
const MAX_NODES = 2_000

export function nodesOf(pipeline: Pipeline): readonly GraphNode[] {
  const nodes: GraphNode[] = []
  const visit = (part: PipelinePart, prefix: string, depth: number) => {
    for (const step of part.steps) {
      if (nodes.length === MAX_NODES) return
      const path = `${prefix}${step.id}`
      nodes.push({ path, depth, kind: step.kind, title: step.id, detail: detailOf(step), notes: notesOf(step) })
      const sub = step.kind === 'pipeline' ? pipeline.parts[step.pipeline] : undefined
      if (sub) visit(sub, `${path}/`, depth + 1)
    }
  }
  visit(pipeline, '', 0)
  return nodes
}

function detailOf(step: PipelineStep): string {
  switch (step.kind) {
    case 'call':
      return step.tool
    case 'approval':
      return step.message
    case 'pipeline':
      return step.pipeline
  }
}

function notesOf(step: PipelineStep): readonly string[] {
  const { forEach, onDenied, timeoutMs } = step
  const retry = step.kind === 'call' ? step.retry : undefined
  return [
    ...(step.if === undefined ? [] : [`if ${step.if}`]),
    ...(forEach
      ? [`for each of ${typeof forEach.items === 'string' ? forEach.items : 'a list'}, ${forEach.concurrency} at once`]
      : []),
    ...(retry ? [`up to ${retry.maxAttempts} attempts`] : []),
    ...(timeoutMs === undefined ? [] : [`within ${timeoutMs} ms`]),
    ...(onDenied === 'skip' ? ['skipped when denied'] : []),
  ]
}
