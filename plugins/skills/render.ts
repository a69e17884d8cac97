// Words a pack and a pipeline for machines, the same for the command line and the API; decides nothing about them.
import { ClonedError, type Json } from 'cloned/kernel'
import type { InstalledConnector } from '../registry/slot.js'
import type { FoundPack, Library } from './library.js'
import { requirementProblems } from './ready.js'
import type { ShownParts } from './skills.js'
import type { Pipeline } from './slot.js'

/** What a pack needs and the workspace has not. */
export function lackingOf({ id: pack, requires }: FoundPack, { connectors }: ShownParts): readonly string[] {
  return requirementProblems({ pack, requires }, connectors())
}

/** Throws `SKILL_PACK_OFF`, `SKILL_PACK_UNKNOWN`, or what is wrong with a pack that may be the one. */
export async function mustFindPack({ packs, failures }: Library, id: string, parts: ShownParts): Promise<FoundPack> {
  const pack = packs.find((one) => one.id === id)
  const off = pack ? undefined : (await parts.off()).find((one) => one.id === id)
  if (off) throw new ClonedError('SKILL_PACK_OFF', { pack: id, state: offState(off) })
  if (!pack && failures.length > 0) throw failures[0]
  if (!pack) throw new ClonedError('SKILL_PACK_UNKNOWN', { pack: id })
  return pack
}

export function packJson(pack: FoundPack, parts: ShownParts): Json {
  const { read: _, ...rest } = pack
  return { ...rest, lacking: [...lackingOf(pack, parts)] } as unknown as Json
}

/** `disabled`, or `quarantined` and why. */
export function offState({ status, problem }: InstalledConnector): string {
  return problem === undefined ? status : `${status}: ${problem}`
}

/** A pack that is installed and may not run. */
export function offJson({ id, version, publisher, status, problem }: InstalledConnector): Json {
  return { id, version, publisher, status, ...(problem === undefined ? {} : { problem }) }
}

export function pipelineJson(pipeline: Pipeline): Json {
  const { id, pack, packVersion, title, description, inputs, allowedTools, digest } = pipeline
  return {
    id,
    pack,
    pack_version: packVersion,
    title,
    description,
    inputs,
    allowed_tools: [...allowedTools],
    digest,
  }
}
