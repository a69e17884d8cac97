// Decides whether a pipeline can run with the connectors and tools that are there; says everything that is missing at once.
import { ClonedError, type ToolContract } from 'cloned/kernel'
import satisfies from 'semver/functions/satisfies.js'
import { runProblems } from './check-tools.js'
import type { Pipeline, PipelinePart } from './slot.js'

/** A connector that may run. */
export interface AvailableConnector {
  readonly id: string
  readonly version: string
}

export interface Available {
  readonly tools: readonly ToolContract[]
  readonly connectors: readonly AvailableConnector[]
}

/** Throws `PACK_REQUIRES`, else `PIPELINE_CHECK`. */
export function mustRun(pipeline: Pipeline, { tools, connectors }: Available): void {
  const parts: readonly PipelinePart[] = [pipeline, ...Object.values(pipeline.parts)]
  const lacking = new Set(parts.flatMap((part) => requirementProblems(part, connectors)))
  if (lacking.size > 0) {
    throw new ClonedError('PACK_REQUIRES', { pipeline: pipeline.id, problems: [...lacking].join('; ') })
  }
  const byId = new Map(tools.map((tool) => [tool.id, tool]))
  const problems = parts.flatMap((part) =>
    runProblems(part, { tools: byId, parts: pipeline.parts }).map(({ at, message }) => {
      const place = `/${at.join('/')} ${message}`
      return part === pipeline ? place : `${part.id}: ${place}`
    }),
  )
  if (problems.length === 0) return
  const more = problems.length > 20 ? `; and ${problems.length - 20} more` : ''
  throw new ClonedError('PIPELINE_CHECK', { pipeline: pipeline.id, problems: problems.slice(0, 20).join('; ') + more })
}

/** What is missing or too old, in words. */
export function requirementProblems(
  { pack, requires }: Pick<PipelinePart, 'pack' | 'requires'>,
  connectors: readonly AvailableConnector[],
): readonly string[] {
  return Object.entries(requires.connectors).flatMap(([id, range]) => {
    const found = connectors.find((connector) => connector.id === id)
    if (!found) return [`pack ${pack} needs the connector ${id} ${range}, which is not installed and enabled`]
    if (satisfies(found.version, range)) return []
    return [`pack ${pack} needs the connector ${id} ${range}; ${found.version} is installed`]
  })
}
