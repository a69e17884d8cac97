// Offers the packs that are found, their pipelines and what these are held to; it keeps no pack between two calls.
import type { ToolContract } from 'cloned/kernel'
import type { InstalledConnector } from '../registry/slot.js'
import type { Holds } from './holds.js'
import { type Library, readLibrary, type SkillSources } from './library.js'
import { type AvailableConnector, mustRun } from './ready.js'
import type { Skills } from './slot.js'
import { fillTemplate } from './template.js'

export interface SkillsParts extends SkillSources {
  readonly tools: () => readonly ToolContract[]
  readonly connectors: () => readonly AvailableConnector[]
  readonly holds: Pick<Holds, 'hold'>
}

/** The same, for commands and routes that show what is there. */
export interface ShownParts extends SkillsParts {
  /** Installed packs that may not run, and packages that cannot be read. */
  readonly off: () => Promise<readonly InstalledConnector[]>
}

/** Makes the skills service. */
export function createSkills(parts: SkillsParts): Skills {
  return {
    async pipelines() {
      const { pipelines, failures } = readLibrary(parts)
      if (failures.length > 0) throw failures[0]
      return [...pipelines.values()].sort(byId)
    },
    async pipeline(id) {
      return mustKnow(readLibrary(parts), id)
    },
    async packs() {
      return readLibrary(parts)
        .packs.map(({ read: _, ...pack }) => pack)
        .sort(byId)
    },
    async mustRun(pipeline) {
      mustRun(pipeline, { tools: parts.tools(), connectors: parts.connectors() })
    },
    fill: fillTemplate,
    hold: (key, step) => parts.holds.hold(key, step),
  }
}

/** A broken pack must not stop the pipelines of others; but what is not found may be in the broken one. */
function mustKnow({ pipelines, failures }: Library, id: string) {
  const found = pipelines.get(id)
  if (!found && failures.length > 0) throw failures[0]
  return found
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1
}
