// Finds skill packs and links their pipelines; a pack that does not validate gives out nothing, and stands in nobody's way.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ClonedError, canonical, type Json } from 'cloned/kernel'
import type { SkillsRuntime } from '../package/slot.js'
import { packConstitution, requirementsOf, runtimeOf } from './compile.js'
import { readDefined } from './define.js'
import { linkPipeline } from './link.js'
import { type ReadPipeline, readPack, type SkillPack } from './pack.js'
import type { Pack, Pipeline, SkillPackSource } from './slot.js'

/** Where packs are looked for; asked on every read, so that a pack that was edited counts at once. */
export interface SkillSources {
  /** What plugins bring. */
  plugins(): readonly SkillPackSource[]
  /** The directory whose directories are packs; may be missing. */
  workspace(): string | undefined
  /** Verified packages that may run. */
  installed(): readonly InstalledPack[]
}

/** A skill pack as its verified manifest describes it. */
export interface InstalledPack {
  readonly id: string
  readonly version: string
  readonly publisher: string
  readonly directory: string
  readonly title: string
  readonly description: string
  readonly runtime: SkillsRuntime
}

/** Everything that was found, and what was refused. */
export interface Library {
  readonly packs: readonly FoundPack[]
  readonly pipelines: ReadonlyMap<string, Pipeline>
  /** One error for every file that is not right. */
  readonly failures: readonly unknown[]
}

export interface FoundPack extends Pack {
  readonly read: SkillPack
}

/** Throws `SKILL_PACK_DUPLICATE`, whatever was asked for: which of two packs is meant cannot be guessed. */
export function readLibrary(sources: SkillSources): Library {
  const failures: unknown[] = []
  const packs: FoundPack[] = []
  const found = (origin: Pack['origin'], source: SkillPackSource, from?: InstalledPack) => {
    try {
      const read =
        'pack' in source ? readDefined(source) : readPack(source.directory, { named: origin !== 'installed' })
      if (from) mustBeAsSigned(read, from)
      packs.push(packOf(read, origin, from))
    } catch (error) {
      failures.push(error)
    }
  }
  for (const source of sources.plugins()) found('plugin', source)
  for (const directory of workspacePacks(sources.workspace())) found('workspace', { directory })
  for (const each of sources.installed()) found('installed', each, each)
  mustBeDistinct(packs)
  const read = packs.flatMap((pack) => pack.read.pipelines)
  return { packs, ...link(read, failures), failures }
}

/** Links pipelines; a pipeline that cannot be linked is a failure. */
export function link(
  read: readonly ReadPipeline[],
  failures: unknown[],
): { readonly pipelines: ReadonlyMap<string, Pipeline> } {
  const known = new Map(read.map(({ part }) => [part.id, part]))
  const pipelines = new Map<string, Pipeline>()
  for (const { part, file } of read) {
    const linked = linkPipeline(part, known)
    if ('pipeline' in linked) pipelines.set(part.id, linked.pipeline)
    else failures.push(file.refuse(linked.problems))
  }
  return { pipelines }
}

function packOf(read: SkillPack, origin: Pack['origin'], from: InstalledPack | undefined): FoundPack {
  const { document, directory, pipelines } = read
  const { id, version, title, description } = document
  return {
    id,
    version,
    title,
    description,
    ...(from ? { publisher: from.publisher } : {}),
    directory,
    origin,
    constitution: packConstitution(document),
    requires: requirementsOf(document),
    pipelines: pipelines.map(({ part }) => part.id).sort(),
    read,
  }
}

/** What people were shown before they let it in came from the manifest. */
function mustBeAsSigned({ document }: SkillPack, from: InstalledPack): void {
  const { id, version, publisher, title, description } = document
  const problem =
    id !== from.id || version !== from.version
      ? `its pack.yaml says ${id} ${version}`
      : publisher !== from.publisher
        ? `its pack.yaml names the publisher ${publisher ?? 'nobody'}`
        : title !== from.title || description !== from.description
          ? 'its pack.yaml has another title or description'
          : canonical(reachOf(runtimeOf(document))) !== canonical(reachOf(from.runtime))
            ? 'its pack.yaml allows or needs something else'
            : undefined
  if (problem) throw new ClonedError('SKILL_PACK_OTHER', { pack: `${from.id} ${from.version}`, problem })
}

/** Whatever order the tools are named in, and whether a constitution without limits is written out or not. */
function reachOf({ allowed_tools, connectors, constitution = {} }: SkillsRuntime): Json {
  return [[...allowed_tools].sort(), connectors, { ...constitution }] as Json
}

function mustBeDistinct(packs: readonly FoundPack[]): void {
  for (const [i, pack] of packs.entries()) {
    const first = packs.find(({ id }) => id === pack.id)
    if (!first || first === packs[i]) continue
    throw new ClonedError('SKILL_PACK_DUPLICATE', { pack: pack.id, first: first.directory, second: pack.directory })
  }
}

function workspacePacks(folder: string | undefined): string[] {
  if (folder === undefined || !existsSync(folder)) return []
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory())
}
