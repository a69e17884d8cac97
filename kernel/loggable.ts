// Decides which values of an input or output may stand in the audit log in clear; without a mark none may.

import { LOGGABLE } from './engine.js'
import { ClonedError } from './errors.js'
import type { Json, JsonObject } from './json.js'

/** Values by JSON pointer, or nothing when there are none. */
export type PickLoggable = (value: Json) => JsonObject | undefined

/** Longest text that is logged, UTF-16 units. */
const MAX_TEXT = 200
/** So that a record stays under the log's line limit whatever the values are. */
const MAX_PATHS = 24

/**
 * Finds the properties that a schema marks with `"x-loggable": true`, at the top or in nested `properties`; marks in
 * lists, references and alternatives count for nothing. Only scalars are picked. Throws `TOOL_INVALID` for more than 24.
 */
export function loggable(schema: JsonObject, target: string): PickLoggable {
  const paths = [...marked(schema, [])]
  if (paths.length > MAX_PATHS) {
    const problem = `its schema marks ${paths.length} properties with ${LOGGABLE}, at most ${MAX_PATHS} are allowed`
    throw new ClonedError('TOOL_INVALID', { tool: `"${target}"`, plugin: '?', problem })
  }
  if (paths.length === 0) return () => undefined
  const named = paths.map((path) => [pointer(path), path] as const)
  return (value) => {
    const found: { [pointer: string]: Json } = {}
    for (const [name, path] of named) {
      const scalar = at(value, path)
      if (scalar !== undefined) found[name] = typeof scalar === 'string' ? cut(scalar) : scalar
    }
    return Object.keys(found).length > 0 ? found : undefined
  }
}

function* marked(schema: JsonObject, path: readonly string[]): Generator<readonly string[], void> {
  for (const [key, property] of Object.entries((schema['properties'] ?? {}) as JsonObject)) {
    if (property === null || typeof property !== 'object' || Array.isArray(property)) continue
    const inner = property as JsonObject
    if (inner[LOGGABLE] === true) yield [...path, key]
    yield* marked(inner, [...path, key])
  }
}

function at(value: Json, path: readonly string[]): null | boolean | number | string | undefined {
  let current: Json | undefined = value
  for (const key of path) {
    if (current === null || typeof current !== 'object' || Array.isArray(current)) return undefined
    current = Object.hasOwn(current, key) ? (current as JsonObject)[key] : undefined
  }
  return current === null || typeof current !== 'object' ? current : undefined
}

function pointer(path: readonly string[]): string {
  return path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT).toWellFormed()}…`
}
