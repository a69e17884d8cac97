// Finds skill packs and answers their pipelines; a pack that does not validate gives out nothing.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import { readPack, type SkillPack } from './pack.js'
import type { Pipeline, Skills } from './slot.js'
import { fillTemplate } from './template.js'

/** Where packs are looked for; asked on every read, so that a pack that was edited counts at once. */
export interface SkillSources {
  /** Directories that plugins bring. */
  directories(): readonly string[]
  /** The directory whose directories are packs; may be missing. */
  workspace(): string
}

/** Makes the skills service. It keeps nothing between two calls. */
export function createSkills(sources: SkillSources): Skills {
  return {
    async pipelines() {
      const { packs, failures } = readAll(sources)
      if (failures.length > 0) throw failures[0]
      return packs.flatMap(({ pipelines }) => pipelines).sort((a, b) => (a.id < b.id ? -1 : 1))
    },
    async pipeline(id) {
      const { packs, failures } = readAll(sources)
      const found = packs.flatMap(({ pipelines }) => pipelines).find((pipeline: Pipeline) => pipeline.id === id)
      // A broken pack must not stop the pipelines of others; but what is not found may be in the broken one.
      if (!found && failures.length > 0) throw failures[0]
      return found
    },
    fill: fillTemplate,
  }
}

function readAll(sources: SkillSources): { packs: readonly SkillPack[]; failures: readonly unknown[] } {
  const packs: SkillPack[] = []
  const failures: unknown[] = []
  for (const directory of [...sources.directories(), ...workspacePacks(sources.workspace())]) {
    try {
      packs.push(readPack(directory))
    } catch (error) {
      failures.push(error)
    }
  }
  for (const [i, pack] of packs.entries()) {
    const first = packs.findIndex(({ id }) => id === pack.id)
    // Thrown at once, whatever was asked for: which of two packs is meant cannot be guessed.
    if (first < i) {
      const [a, b] = [packs[first]?.directory ?? '', pack.directory]
      throw new ClonedError('SKILL_PACK_DUPLICATE', { pack: pack.id, first: a, second: b })
    }
  }
  return { packs, failures }
}

function workspacePacks(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory())
}
