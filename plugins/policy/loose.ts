// Compiles a text that is not the overlay in force: a candidate, a file in a repository, or a pack alone.
import { readFileSync } from 'node:fs'
import { ClonedError, describeThrown, parseYaml, sha256 } from 'cloned/kernel'
import type { PackName } from './document.js'
import { compilePolicy, type Effective } from './effective.js'

const PACKS: readonly PackName[] = ['personal', 'shared', 'enterprise']

/** The pack that a word names. */
export function packOf(word: unknown): PackName | undefined {
  return PACKS.find((pack) => pack === word)
}

/** The text of a file that somebody named. Throws `CLI_INPUT_UNREADABLE` for one that cannot be read. */
export function readNamed(path: string): { text: string; digest: string } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
    return { text, digest: sha256(text) }
  } catch (error) {
    throw new ClonedError(
      'CLI_INPUT_UNREADABLE',
      { source: `in ${path}`, cause: describeThrown(error) },
      { cause: error },
    )
  }
}

/** A candidate on the pack that it names itself. Throws `FILE_INVALID`. */
export function compileNamed(path: string): Effective & { readonly pack: PackName } {
  const { text } = readNamed(path)
  const document = parseYaml(text, { path }) as { pack?: unknown } | null
  // A pack that is none is refused with its line by the check against any.
  const pack = packOf(document?.pack) ?? 'personal'
  return { ...compilePolicy(pack, text, path), pack }
}
