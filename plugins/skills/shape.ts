// Says as much as is certain of the value that a template or a path will have; what is not certain is unknown.
import type { Json, JsonObject } from 'cloned/kernel'
import type { Expression, Reference } from './expression.js'
import { parseTemplate } from './template.js'

/** What is certain of a value. */
export type Shape =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'literal'; readonly value: null | boolean | number | string }
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, Shape> }
  | { readonly kind: 'list'; readonly items: readonly Shape[] }
  /** A list of any length. */
  | { readonly kind: 'each'; readonly item: Shape }
  /** Fits a part of a JSON Schema; `root` is what its references start from. */
  | { readonly kind: 'schema'; readonly schema: JsonObject; readonly root: JsonObject }
  | { readonly kind: 'or-null'; readonly of: Shape }

/** What the places that templates name will hold. */
export interface ShapeScope {
  readonly inputs: Shape
  readonly steps: ReadonlyMap<string, Shape>
  readonly item?: Shape
}

export const UNKNOWN: Shape = { kind: 'unknown' }
const MAX_HOPS = 20

export function schemaShape(schema: JsonObject): Shape {
  return partShape(schema, schema)
}

/** The shape of a filled template. `missing` hears of every path that names what will not be there. */
export function templateShape(template: Json, scope: ShapeScope, missing: (problem: string) => void): Shape {
  if (typeof template === 'string') return textShape(template, scope, missing)
  if (template === null || typeof template !== 'object') return { kind: 'literal', value: template }
  if (Array.isArray(template)) {
    return { kind: 'list', items: template.map((item: Json) => templateShape(item, scope, missing)) }
  }
  const members = Object.entries(template).map(([key, item]) => [key, templateShape(item, scope, missing)] as const)
  return { kind: 'object', members: new Map(members) }
}

function textShape(text: string, scope: ShapeScope, missing: (problem: string) => void): Shape {
  if (!text.includes('${{')) return { kind: 'literal', value: text }
  const parts = parseTemplate(text)
  const shapes = parts.map((part) => (typeof part === 'string' ? UNKNOWN : expressionShape(part, scope, missing)))
  return parts.length === 1 && shapes[0] ? shapes[0] : schemaShape({ type: 'string' })
}

/** The shape of an expression's value. */
export function expressionShape(expression: Expression, scope: ShapeScope, missing: (problem: string) => void): Shape {
  switch (expression.kind) {
    case 'value':
      return { kind: 'literal', value: expression.value }
    case 'path':
      return pathShape(expression, scope, missing)
    case 'not':
      expressionShape(expression.of, scope, missing)
      return schemaShape({ type: 'boolean' })
    case 'length':
      expressionShape(expression.of, scope, missing)
      return schemaShape({ type: 'integer' })
    case 'binary': {
      const { operator, left, right } = expression
      // The left side of ?? may be missing: that is what it is for.
      expressionShape(left, scope, operator === '??' ? () => undefined : missing)
      expressionShape(right, scope, missing)
      return operator === '??' ? UNKNOWN : schemaShape({ type: 'boolean' })
    }
  }
}

function pathShape({ path, text }: Reference, scope: ShapeScope, missing: (problem: string) => void): Shape {
  const [root, ...rest] = path
  const found =
    root === 'inputs'
      ? { shape: scope.inputs, rest }
      : root === 'item'
        ? { shape: scope.item ?? UNKNOWN, rest }
        : root === 'steps'
          ? { shape: scope.steps.get(String(rest[0])) ?? UNKNOWN, rest: rest.slice(2) }
          : { shape: schemaShape({ type: 'integer' }), rest }
  let shape = found.shape
  for (const key of found.rest) {
    const next = memberShape(shape, key)
    if (typeof next === 'string') {
      missing(`\${{ ${text} }}: ${next}`)
      return UNKNOWN
    }
    shape = next
  }
  return shape
}

/** The shape of a member, or why there is none. */
function memberShape(shape: Shape, key: string | number): Shape | string {
  const none = typeof key === 'number' ? `there is no [${key}]` : `there is no "${key}"`
  switch (shape.kind) {
    case 'unknown':
      return UNKNOWN
    case 'literal':
      return none
    case 'or-null':
      return memberShape(shape.of, key)
    case 'object':
      return (typeof key === 'string' ? shape.members.get(key) : undefined) ?? none
    case 'list':
      return (typeof key === 'number' ? shape.items[key] : undefined) ?? none
    case 'each':
      return typeof key === 'number' ? shape.item : none
    case 'schema':
      return schemaMember(shape.schema, shape.root, key) ?? none
  }
}

function schemaMember(schema: JsonObject, root: JsonObject, key: string | number): Shape | undefined {
  const types = typesOf(schema)
  if (types && !types.includes(typeof key === 'number' ? 'array' : 'object')) return undefined
  if (typeof key === 'number') {
    const { prefixItems, items } = schema
    const own = Array.isArray(prefixItems) ? (prefixItems[key] as Json | undefined) : undefined
    return partShape(own ?? items, root)
  }
  const { properties, patternProperties, additionalProperties } = schema
  const known = isObject(properties) && Object.hasOwn(properties, key) ? properties[key] : undefined
  if (known !== undefined) return partShape(known, root)
  if (patternProperties !== undefined || COMBINED.some((word) => word in schema)) return UNKNOWN
  return additionalProperties === false ? undefined : partShape(additionalProperties, root)
}

/** Keywords that may say more about a value than can be followed here. */
export const COMBINED = ['allOf', 'anyOf', 'oneOf', 'if', 'dependentSchemas', '$dynamicRef', 'not']

/** The shape of a part of a schema, its references followed. */
export function partShape(part: Json | undefined, root: JsonObject): Shape {
  let schema = part
  for (let hops = 0; isObject(schema) && typeof schema['$ref'] === 'string'; hops++) {
    schema = hops < MAX_HOPS ? resolve(schema['$ref'], root) : undefined
  }
  return isObject(schema) ? { kind: 'schema', schema, root } : UNKNOWN
}

function resolve(ref: string, root: JsonObject): Json | undefined {
  if (ref !== '#' && !ref.startsWith('#/')) return undefined
  let at: Json | undefined = root
  for (const part of ref.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    at = isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined
  }
  return at
}

/** The JSON types that a schema names; `undefined` for any. */
export function typesOf({ type }: JsonObject): readonly string[] | undefined {
  if (typeof type === 'string') return [type]
  return Array.isArray(type) ? (type as readonly string[]) : undefined
}

export function isObject(value: Json | undefined): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
