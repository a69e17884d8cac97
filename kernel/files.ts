// Reads and writes the files that people edit; a file is refused whole or taken whole, and replaced in one step.
import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LineCounter as LineCounterType, Document as YamlDocument } from 'yaml'
import { ClonedError } from './errors.js'
import { type Json, type JsonObject, snapshot } from './json.js'
import { compileSchema } from './schema.js'

const MAX_FILE_BYTES = 1024 * 1024
const MAX_ALIASES = 100
const require = createRequire(import.meta.url)
const schemas = new Map<string, JsonObject>()
let root: string | undefined

/**
 * Parses YAML that a person may have edited into frozen plain JSON. Throws `FILE_INVALID` with path, line and problem
 * for syntax errors, duplicate keys, custom tags, more than 100 aliases, 1 MB and more, and violations of `schema`.
 */
export function parseYaml(text: string, { path, schema }: { path: string; schema?: JsonObject }): Json {
  if (Buffer.byteLength(text) >= MAX_FILE_BYTES) throw invalid(path, undefined, 'the file is 1 MB or larger')
  const { parseDocument, LineCounter, visit } = yaml()
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, schema: 'core', uniqueKeys: true, prettyErrors: false })
  // An unresolved tag is only a warning to the parser; here it is an error like the others.
  const fault = document.errors[0] ?? document.warnings[0]
  if (fault) throw invalid(path, lineAt(lines, fault.pos[0]), oneLine(fault.message))
  let aliases = 0
  visit(document, {
    Alias: (_, node) => {
      aliases++
      if (aliases > MAX_ALIASES) throw invalid(path, lineAt(lines, node.range?.[0]), `more than ${MAX_ALIASES} aliases`)
    },
  })
  const value = jsonOf(path, () => document.toJS({ maxAliasCount: MAX_ALIASES }))
  if (schema) {
    const problems = compileSchema(schema)(value)
    if (problems.length > 0) {
      const placed = problems
        .map((problem) => ({ ...problem, line: lineAt(lines, offsetOf(document, problem.path)) }))
        .sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
      const words = placed.map(({ path: at, message, line }, i) =>
        i === 0 || line === undefined ? `${at} ${message}` : `line ${line}: ${at} ${message}`,
      )
      throw invalid(path, placed[0]?.line, words.join('; '))
    }
  }
  return value
}

/** Reads and parses a YAML file; see {@link parseYaml}. File-system errors pass through. */
export function readYaml(path: string, schema?: JsonObject): Json {
  return parseYaml(readText(path), schema ? { path, schema } : { path })
}

/** Reads and parses a JSON file; the same refusals of size, depth and schema. A repeated key counts once, the last. */
export function readJson(path: string, schema?: JsonObject): Json {
  const text = readText(path)
  const value = jsonOf(path, () => JSON.parse(text))
  const problems = schema ? compileSchema(schema)(value) : []
  if (problems.length > 0) {
    throw invalid(path, undefined, problems.map(({ path: at, message }) => `${at} ${message}`).join('; '))
  }
  return value
}

/** Absolute path of a published schema of this package: `schemaFile('workspace.config')`. The file may not exist. */
export function schemaFile(name: string): string {
  return join(packageRoot(), 'schemas', `${name}.schema.json`)
}

/** A published schema of this package, read once: `readSchema('workspace.config')`. Throws when there is no such file. */
export function readSchema(name: string): JsonObject {
  const known = schemas.get(name)
  if (known) return known
  const schema = readJson(schemaFile(name)) as JsonObject
  schemas.set(name, schema)
  return schema
}

// Sources and build differ in depth, so the package is found by its name rather than by a number of steps.
function packageRoot(): string {
  if (root) return root
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const manifest = join(at, 'package.json')
    if (existsSync(manifest) && (readJson(manifest) as JsonObject)['name'] === 'cloned') {
      root = at
      return at
    }
    if (at === dirname(at)) throw new Error('the files of package "cloned" are not inside a package of that name')
  }
}

/**
 * Replaces a file in one step that survives a power cut: temporary file beside it, sync, rename, sync of the directory.
 * Readers see the old content or the new, never a part.
 */
export function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  { mode = 0o600 }: { mode?: number } = {},
): void {
  const temporary = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`)
  const fd = openSync(temporary, 'wx', mode)
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    for (let at = 0; at < bytes.byteLength; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, path)
  syncDirectory(dirname(path))
}

/**
 * Makes an empty file that only its owner may read, unless there is one. Never opens a file that others may have open:
 * closing any handle of a file drops every POSIX lock that this process holds on it, SQLite's included.
 */
export function createPrivateFile(path: string): void {
  if (existsSync(path)) return
  const temporary = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`)
  closeSync(openSync(temporary, 'wx', 0o600))
  try {
    linkSync(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** Makes the entries of a directory durable. Does nothing where directories cannot be synced (Windows). */
export function syncDirectory(path: string): void {
  if (process.platform === 'win32') return
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function readText(path: string): string {
  const stat = statSync(path)
  // Before the first byte: a device or a pipe has no end, and a huge file would fill the memory before it is refused.
  if (!stat.isFile()) throw invalid(path, undefined, 'it is not a regular file')
  if (stat.size >= MAX_FILE_BYTES) throw invalid(path, undefined, 'the file is 1 MB or larger')
  const bytes = readFileSync(path)
  if (!isUtf8(bytes)) throw invalid(path, undefined, 'it is not UTF-8 text')
  return bytes.toString('utf8')
}

function jsonOf(path: string, read: () => unknown): Json {
  try {
    return snapshot(read(), { depth: 64, bytes: 4 * MAX_FILE_BYTES })
  } catch (error) {
    throw invalid(path, undefined, oneLine(error instanceof Error ? error.message : String(error)))
  }
}

/** Where a JSON pointer leads: its key or item, or the nearest one around it that is there. */
function offsetOf(document: YamlDocument, pointer: string): number | undefined {
  const { isAlias, isMap, isNode, isScalar, isSeq } = yaml()
  const keys = pointer.split('/').slice(1)
  let node: unknown = document.contents
  let offset = document.contents?.range?.[0]
  for (const key of keys.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))) {
    if (isAlias(node)) node = node.resolve(document)
    // The key and not its value: the value of a section stands on the next line.
    const pair = isMap(node)
      ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
      : undefined
    const item: unknown = pair?.key ?? (isSeq(node) ? node.items[Number(key)] : undefined)
    if (!isNode(item)) break
    offset = item.range?.[0] ?? offset
    node = pair ? pair.value : item
  }
  return offset
}

// Loaded by the first file: a command that reads none must not pay for it.
function yaml(): typeof import('yaml') {
  return require('yaml') as typeof import('yaml')
}

function lineAt(lines: LineCounterType, offset: number | undefined): number | undefined {
  return offset === undefined ? undefined : lines.linePos(offset).line
}

function oneLine(text: string): string {
  return text.split('\n')[0] ?? text
}

function invalid(path: string, line: number | undefined, problem: string): ClonedError {
  return new ClonedError('FILE_INVALID', { path, line: line === undefined ? '' : `:${line}`, problem })
}
