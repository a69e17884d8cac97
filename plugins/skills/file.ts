// Reads one file of a skill pack; takes it whole or refuses it with every problem and its line and column.
import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { ClonedError, compileSchema, type Json, type JsonObject, parseYaml } from 'cloned/kernel'
import type { Problem } from './document.js'

const MAX_BYTES = 1024 * 1024
const MAX_WORDED = 100
const require = createRequire(import.meta.url)

/** A file that fits its schema. */
export interface Declared<T> {
  readonly path: string
  readonly value: T
  /** The error of a file with problems, each at its line and column. */
  refuse(problems: readonly Problem[]): ClonedError
}

/** Reads and validates a YAML file. Throws `FILE_INVALID`. */
export function readDeclared<T>(path: string, schema: JsonObject): Declared<T> {
  return declaredOf<T>(path, readText(path), schema)
}

/** The same of a text that is not a file of its own; `firstLine` is the line of `path` that it starts in. */
export function declaredOf<T>(path: string, text: string, schema: JsonObject, firstLine = 1): Declared<T> {
  const value = parseYaml(text, { path })
  const refuse = (problems: readonly Problem[]) => refused(path, text, firstLine, problems)
  const shape = compileSchema(schema)(value).map(({ path: at, message }) => ({ at: keys(at, value), message }))
  if (shape.length > 0) throw refuse(shape)
  return { path, value: value as T, refuse }
}

/** The text of a file of at most 1 MB. Throws `FILE_INVALID`. */
export function readText(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  // Looked at before it is opened: opening a pipe would wait for a writer for ever.
  if (!found?.isFile()) throw fileInvalid(path, '', found ? 'it is not a regular file' : 'the file is missing')
  if (found.size >= MAX_BYTES) throw fileInvalid(path, '', 'the file is 1 MB or larger')
  return readFileSync(path, 'utf8')
}

/** A file of a pack that is refused. */
export function fileInvalid(path: string, line: string, problem: string): ClonedError {
  return new ClonedError('FILE_INVALID', { path, line, problem })
}

function refused(path: string, text: string, firstLine: number, problems: readonly Problem[]): ClonedError {
  const placeOf = places(text)
  const placed = problems
    .map(({ at, message }) => ({ pointer: `/${at.join('/')}`, message, ...placeOf(at) }))
    .map((problem) => ({ ...problem, line: problem.line + firstLine - 1 }))
    .sort((a, b) => a.line - b.line || a.column - b.column)
  const worded = placed
    .slice(0, MAX_WORDED)
    .map(({ pointer, message, line, column }) => `${pointer} (line ${line}, column ${column}) ${message}`)
  if (placed.length > MAX_WORDED) worded.push(`and ${placed.length - MAX_WORDED} more`)
  return fileInvalid(path, `:${placed[0]?.line}:${placed[0]?.column}`, worded.join('; '))
}

/** Where a place stands, or the nearest thing around it that stands in the file. */
function places(
  text: string,
): (at: readonly (string | number)[]) => { readonly line: number; readonly column: number } {
  const { parseDocument, LineCounter, isMap, isScalar } = require('yaml') as typeof import('yaml')
  const counter = new LineCounter()
  // Parsed a second time, and only for a file that is refused: the parser that judged it keeps no positions.
  const document = parseDocument(text, { lineCounter: counter })
  return (at) => {
    for (let depth = at.length; depth > 0; depth--) {
      const parent = document.getIn(at.slice(0, depth - 1), true)
      const key = at[depth - 1]
      const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined
      const node = pair?.key ?? document.getIn(at.slice(0, depth), true)
      const range = (node as { range?: readonly number[] } | undefined)?.range
      if (range?.[0] === undefined) continue
      const { line, col } = counter.linePos(range[0])
      return { line, column: col }
    }
    return { line: 1, column: 1 }
  }
}

/** A JSON pointer as keys; numbers where the value there is a list. */
function keys(pointer: string, value: Json): (string | number)[] {
  let at: unknown = value
  return pointer
    .split('/')
    .slice(1)
    .filter((part) => part !== '')
    .map((part) => {
      const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
      const key = Array.isArray(at) ? Number(name) : name
      at = at !== null && typeof at === 'object' ? (at as Record<string | number, unknown>)[key] : undefined
      return key
    })
}
