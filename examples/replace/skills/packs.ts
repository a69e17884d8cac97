// Reads the packs of a workspace from one file of JSON; what it holds is judged by whoever asks for it.
import { ClonedError, describeThrown, type JsonObject, readPrivateFile, snapshot } from 'cloned/kernel'
import type { DefinedSkillPack } from 'cloned/plugins/skills'

const LIMITS = { depth: 64, bytes: 16 * 1024 * 1024 }

/** `{ "packs": [{ "pack": …, "pipelines": [ … ] }] }`; none without a file. Throws `FILE_INVALID` and `FILE_UNSAFE`. */
export function packsIn(path: string): readonly DefinedSkillPack[] {
  const text = readPrivateFile(path)?.toString('utf8')
  if (text === undefined) return []
  const refused = (problem: string) => new ClonedError('FILE_INVALID', { path, line: '', problem })
  let packs: unknown
  try {
    packs = (snapshot(JSON.parse(text), LIMITS) as JsonObject | null)?.['packs']
  } catch (error) {
    throw refused(describeThrown(error))
  }
  if (!Array.isArray(packs)) throw refused('it has no list of packs')
  for (const [n, pack] of packs.entries()) {
    const { pack: head, pipelines } = (pack ?? {}) as Partial<DefinedSkillPack>
    if (typeof head !== 'object' || !Array.isArray(pipelines)) throw refused(`packs[${n}] is not a pack with pipelines`)
  }
  return packs as readonly DefinedSkillPack[]
}
