// Makes one file of a build: a loader that anybody can read, and every other file in a comment; the same bytes everywhere.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bundler } from './bundler.js'
import { filesIn } from './carry.js'
import { bundledText, exportLines, HASHBANG } from './generate.js'
import { BLANK, digestOf, PAYLOAD } from './unpack.js'

export interface PackRequest {
  /** Directory with every file. */
  readonly stage: string
  /** What the entry exports. */
  readonly exports: readonly string[]
  readonly lockDigest: string
  /** Version of the program; absent for a library. */
  readonly program?: string
}

/**
 * Not compressed: what a compressor answers differs between versions of Node, and the same inputs give the same bytes.
 * ASCII only, so that Node keeps it in one byte a character.
 */
export async function packedText(bundler: Bundler, { stage, exports, lockDigest, program }: PackRequest) {
  const packed = JSON.stringify({ digest: BLANK, lockDigest })
  const started = program === undefined ? 'false' : 'isStarted(import.meta.url)'
  const loader = await bundledText(bundler, [
    "import { isStarted, start } from './start.js'",
    "import { unpacked } from './unpack.js'",
    `const packed = { url: import.meta.url, ...${packed} }`,
    "const load = () => import(new URL('app/entry.js', unpacked(packed, process.env)).href)",
    `const started = ${started}`,
    `if (started) await start(${JSON.stringify(program ?? '')}, load)`,
    'const app = started ? {} : await load()',
    ...exportLines(exports),
  ])
  const files = filesIn(stage).map((path) => [path, contentOf(readFileSync(join(stage, path)))])
  const payload = JSON.stringify(Object.fromEntries(files)).replaceAll(/[^ -~]/g, escaped)
  const blank = `${HASHBANG}${loader.trimEnd()}${PAYLOAD}${payload}`
  return blank.replace(BLANK, digestOf(blank))
}

function contentOf(bytes: Buffer): string | readonly [base64: string] {
  const text = bytes.toString()
  return Buffer.from(text).equals(bytes) ? text : [bytes.toString('base64')]
}

/** By UTF-16 unit, as JSON escapes. */
function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
