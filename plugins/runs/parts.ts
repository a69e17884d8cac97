// Names what the steps of a run are carried out with, and where a step stands; types only.
import type { Approvals, ToolContract } from 'cloned/kernel'
import type { Held, PipelinePart } from '../skills/slot.js'
import type { Lanes } from './lanes.js'
import type { OutputParts } from './outputs.js'

/** What steps are carried out with. */
export interface CallParts extends OutputParts {
  readonly approvals: Pick<Approvals, 'get'> | undefined
  readonly tool: (id: string) => ToolContract | undefined
  /** How many calls to the tools of one connector may be under way. */
  readonly lanes: Lanes
}

/** Where a step stands: its pipeline, and the constitutions around it. */
export interface Place {
  readonly path: string
  readonly pipeline: PipelinePart
  readonly held: readonly Held[]
}
