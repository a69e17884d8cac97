// Finds what a schema refers to inside of itself; must never look anywhere else for it.
import type { Json, JsonObject } from 'cloned/kernel'
import { isObject } from './peer.js'

/** Members whose value is a schema, a list of schemas or schemas by name. */
const SCHEMAS = ['additionalItems', 'additionalProperties', 'contains', 'else', 'if', 'items', 'not', 'propertyNames']
const MORE = ['then', 'unevaluatedItems', 'unevaluatedProperties', 'allOf', 'anyOf', 'oneOf', 'prefixItems']
const MAPS = ['$defs', 'definitions', 'dependencies', 'dependentSchemas', 'patternProperties', 'properties']
const MAX_SCHEMAS = 10_000
const MAX_DEPTH = 64

/** Every schema in a schema, itself included. Throws for one without reasonable bounds. */
export function* schemasIn(schema: Json, depth = 0, count = { left: MAX_SCHEMAS }): Generator<JsonObject> {
  if (!isObject(schema)) return
  if (depth > MAX_DEPTH || count.left-- <= 0) throw new Error('it is too deep or too large')
  yield schema
  for (const word of [...SCHEMAS, ...MORE]) {
    const value = schema[word]
    if (Array.isArray(value)) for (const each of value as Json[]) yield* schemasIn(each, depth + 1, count)
    else if (value !== undefined) yield* schemasIn(value, depth + 1, count)
  }
  for (const word of MAPS) {
    const map = schema[word]
    if (isObject(map)) for (const each of Object.values(map)) yield* schemasIn(each, depth + 1, count)
  }
}

export class References {
  readonly #root: JsonObject
  readonly #anchors = new Map<string, JsonObject>()
  readonly #id: string

  /** Throws for a schema whose references cannot be followed. */
  constructor(root: JsonObject) {
    this.#root = root
    this.#id = typeof root['$id'] === 'string' ? root['$id'].replace(/#$/, '') : ''
    let refers = false
    let moves = false
    for (const schema of schemasIn(root)) {
      const { $anchor, $id, $dynamicRef, $recursiveRef, $ref } = schema
      if ($dynamicRef !== undefined || $recursiveRef !== undefined)
        throw new Error('it refers to what depends on the reader')
      if ($ref !== undefined) refers = true
      if (typeof $anchor === 'string') this.#anchors.set($anchor, schema)
      // Before 2019-09 an anchor was an id.
      if (typeof $id === 'string' && $id.startsWith('#')) this.#anchors.set($id.slice(1), schema)
      else if (typeof $id === 'string' && schema !== root) moves = true
    }
    if (refers && moves) throw new Error('it changes its own address inside')
  }

  /** Throws for what lies outside of the schema, or is not there. */
  target(ref: Json): Json {
    if (typeof ref !== 'string') throw new Error('a reference in it is no text')
    const local = this.#id !== '' && ref.startsWith(`${this.#id}#`) ? ref.slice(this.#id.length) : ref
    if (!local.startsWith('#')) throw new Error(`it refers to ${JSON.stringify(ref.slice(0, 100))}, outside of itself`)
    if (local === '#' || local === '#/') return this.#root
    const found = local.startsWith('#/') ? this.#at(local.slice(2)) : this.#anchors.get(local.slice(1))
    if (found === undefined) throw new Error(`it refers to ${JSON.stringify(ref.slice(0, 100))}, which is not there`)
    return found
  }

  #at(pointer: string): Json | undefined {
    let at: Json | undefined = this.#root
    for (const part of pointer.split('/')) {
      const name = unescaped(part)
      if (Array.isArray(at)) at = (at as Json[])[Number(name)]
      else at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined
    }
    return at
  }
}

function unescaped(part: string): string {
  const text = part.replaceAll('~1', '/').replaceAll('~0', '~')
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
