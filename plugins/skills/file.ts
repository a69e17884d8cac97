// Reads one file of a skill pack; takes it whole or refuses it with every problem and its line.
import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { ClonedError, compileSchema, type Json, type JsonObject, parseYaml } from 'cloned/kernel'
import type { Problem } from './check.js'

const MAX_BYTES = 1024 * 1024
const require = createRequire(import.meta.url)

/** Reads, validates and checks a YAML file. Throws `FILE_INVALID`; `check` runs only on a value that fits the schema. */
export function readDeclared<T>(path: string, schema: JsonObject, check: (value: T) => readonly Problem[]): T {
  const text = readText(path)
  const value = parseYaml(text, { path })
  const shape = compileSchema(schema)(value).map(({ path: at, message }) => ({ at: keys(at, value), message }))
  const problems = shape.length > 0 ? shape : check(value as T)
  if (problems.length > 0) throw refuse(path, text, problems)
  return value as T
}

function readText(path: string): string {
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

function refuse(path: string, text: string, problems: readonly Problem[]): ClonedError {
  const lineOf = lines(text)
  const placed = problems
    .map(({ at, message }) => ({ pointer: `/${at.join('/')}`, message, line: lineOf(at) }))
    .sort((a, b) => a.line - b.line)
  const worded = placed.map(({ pointer, message, line }) => `${pointer} (line ${line}) ${message}`)
  return fileInvalid(path, `:${placed[0]?.line}`, worded.join('; '))
}

/** The line of a place, or of the nearest thing around it that stands in the file. */
function lines(text: string): (at: readonly (string | number)[]) => number {
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
      if (range?.[0] !== undefined) return counter.linePos(range[0]).line
    }
    return 1
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
