// Finds the step of a pipeline that a path in a run stands for; knows nothing of how it went.
import type { Pipeline, PipelinePart, PipelineStep } from '../skills/slot.js'

/** The step at `check[3]` or `report/save`; `undefined` where there is none. */
export function stepAt(pipeline: Pipeline, path: string): PipelineStep | undefined {
  let part: PipelinePart | undefined = pipeline
  let found: PipelineStep | undefined
  for (const word of path.split('/')) {
    const id = word.replace(/\[\d+\]$/, '')
    found = part?.steps.find((step) => step.id === id)
    part = found?.kind === 'pipeline' ? pipeline.parts[found.pipeline] : undefined
  }
  return found
}
