// Decides what schema of a tool's input clients are shown; never one that refuses what the tool's own schema takes.
import type { Json, JsonObject } from 'cloned/kernel'

/** Providers refuse these at the root of a tool's schema, some of them together with the whole list of tools. */
const COMPOSED = ['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', '$ref', '$dynamicRef', 'dependentSchemas']
/** What these say depends on what the composition says. */
const CLOSING = ['additionalProperties', 'unevaluatedProperties', 'patternProperties', 'propertyNames', 'enum', 'const']
/** How deep a composition is looked into; below, a client is told less. */
const DEPTH = 8

/**
 * The schema with nothing composed at its root: properties of all alternatives, required what every one requires. It takes
 * at least what the original takes; calls are validated against the original.
 */
export function portableSchema(schema: JsonObject): JsonObject {
  if (!COMPOSED.some((word) => word in schema)) return { ...schema, type: 'object' }
  const { properties, required } = shapeOf(schema, schema, DEPTH, [])
  const rest = Object.entries(schema).filter(([word]) => !COMPOSED.includes(word) && !CLOSING.includes(word))
  return {
    ...Object.fromEntries(rest),
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(required.size === 0 ? { required: [] } : { required: [...required] }),
  }
}

/** What is known of an object that a schema takes. */
interface Shape {
  readonly properties: ReadonlyMap<string, Json>
  readonly required: ReadonlySet<string>
}

const ANYTHING: Shape = { properties: new Map(), required: new Set() }

/** What was found out, by depth: a schema that is referred to from everywhere is looked into once. */
type Known = Map<JsonObject, Shape>[]

function shapeOf(schema: Json, root: JsonObject, depth: number, known: Known): Shape {
  if (!isObject(schema) || depth === 0) return ANYTHING
  known[depth] ??= new Map()
  const shape = known[depth].get(schema) ?? composed(schema, root, (each) => shapeOf(each, root, depth - 1, known))
  known[depth].set(schema, shape)
  return shape
}

function composed(schema: JsonObject, root: JsonObject, inner: (each: Json) => Shape): Shape {
  const own: Shape = {
    properties: new Map(Object.entries(isObject(schema['properties']) ? schema['properties'] : {})),
    required: new Set(strings(schema['required'])),
  }
  const both = [own, ...list(schema['allOf']).map(inner)]
  if (typeof schema['$ref'] === 'string') both.push(inner(local(schema['$ref'], root)))
  for (const word of ['anyOf', 'oneOf']) {
    const alternatives = list(schema[word])
    if (alternatives.length > 0) both.push(either(alternatives.map(inner)))
  }
  const sometimes = ['then', 'else'].flatMap((word) => (word in schema ? [inner(schema[word] as Json)] : []))
  if (sometimes.length > 0) both.push(either([...sometimes, ANYTHING]))
  return both.reduce(and)
}

/** Both hold. Where both describe a property, the first is shown: the second only narrows it. */
function and(a: Shape, b: Shape): Shape {
  return {
    properties: new Map([...b.properties, ...a.properties]),
    required: new Set([...a.required, ...b.required]),
  }
}

/** One of them holds. */
function either(shapes: readonly Shape[]): Shape {
  const names = new Set(shapes.flatMap(({ properties }) => [...properties.keys()]))
  const properties = new Map<string, Json>()
  for (const name of names) {
    const said = shapes.map((shape) => shape.properties.get(name))
    // An alternative that says nothing of a property takes anything there.
    const distinct = [...new Map(said.map((each) => [JSON.stringify(each), each])).values()]
    properties.set(name, union(distinct))
  }
  const [first, ...others] = shapes
  const required = [...(first?.required ?? [])].filter((name) => others.every((shape) => shape.required.has(name)))
  return { properties, required: new Set(required) }
}

function union(all: readonly (Json | undefined)[]): Json {
  const known = all.filter((each) => each !== undefined)
  if (known.length < all.length) return described(known)
  return known.length === 1 ? (known[0] as Json) : { anyOf: [...known] }
}

/** Takes anything, and says what is known of it. */
function described(known: readonly Json[]): JsonObject {
  const text = known.find((each) => isObject(each) && typeof each['description'] === 'string')
  return isObject(text) ? { description: text['description'] as string } : {}
}

function local(ref: string, root: JsonObject): Json {
  if (ref === '#') return true
  if (!ref.startsWith('#/')) return true
  let at: Json = root
  for (const part of ref.slice(2).split('/')) {
    const name = decode(part)
    if (!isObject(at) || !Object.hasOwn(at, name)) return true
    at = at[name] as Json
  }
  return at
}

function decode(part: string): string {
  const text = part.replaceAll('~1', '/').replaceAll('~0', '~')
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

function strings(value: Json | undefined): readonly string[] {
  return list(value).filter((each) => typeof each === 'string')
}
