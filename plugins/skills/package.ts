// Says what the package of a skill pack holds; a pack that is not right in every file makes none.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import type { ManifestDraft } from '../package/slot.js'
import { runtimeOf } from './compile.js'
import { link } from './library.js'
import { readWhole } from './pack.js'

/** The draft of a directory with a pack.yaml; `undefined` for any other. Throws what is wrong with the pack. */
export async function describePack(directory: string): Promise<ManifestDraft | undefined> {
  if (!existsSync(join(directory, 'pack.yaml'))) return undefined
  const { pack, errors } = readWhole(directory)
  if (errors[0] || !pack) throw errors[0]
  const { id, version, title, description, publisher } = pack.document
  const invalid = (problem: string) => new ClonedError('PACKAGE_INVALID', { problem })
  if (publisher === undefined) throw invalid(`${join(directory, 'pack.yaml')} names no publisher`)
  if (!existsSync(join(directory, 'SKILL.md'))) throw invalid(`there is no SKILL.md in ${directory}`)
  // What it takes from other packs cannot be seen here; what it takes from itself must be right.
  const failures: unknown[] = []
  link(
    pack.pipelines.filter(({ part }) => !namesOthers(part.steps, id)),
    failures,
  )
  if (failures[0]) throw failures[0]
  return {
    id,
    version,
    publisher_id: publisher,
    title,
    description,
    runtime: runtimeOf(pack.document),
    protocol: 1,
    tools: [],
    requires_capabilities: [],
  }
}

function namesOthers(steps: readonly { readonly kind: string; readonly pipeline?: string }[], pack: string): boolean {
  return steps.some(({ pipeline }) => pipeline !== undefined && pipeline !== pack && !pipeline.startsWith(`${pack}/`))
}
