// Decides whether a value of a shape can fit a JSON Schema; says no only where that is certain.
import { canonical, type Json, type JsonObject } from 'cloned/kernel'
import { COMBINED, isObject, partShape, type Shape, schemaShape, typesOf } from './shape.js'

const MAX_DEPTH = 16

/** Why no value of the shape fits the schema, each with the place in the value; empty where one may fit. */
export function misfits(
  shape: Shape,
  schema: JsonObject,
): readonly { readonly at: readonly string[]; readonly message: string }[] {
  const found: { at: readonly string[]; message: string }[] = []
  compare(shape, schemaShape(schema), [], (at, message) => found.push({ at, message }))
  return found
}

type Report = (at: readonly string[], message: string) => void

function compare(shape: Shape, target: Shape, at: readonly string[], report: Report): void {
  if (target.kind !== 'schema' || shape.kind === 'unknown' || at.length > MAX_DEPTH) return
  const { schema, root } = target
  for (const part of listOf(schema['allOf'])) compare(shape, partShape(part, root), at, report)
  for (const word of ['anyOf', 'oneOf']) {
    const ways = listOf(schema[word])
    if (ways.length > 0 && ways.every((way) => fails(shape, partShape(way, root), at))) {
      report(at, `fits none of the ${ways.length} ways that are taken`)
    }
  }
  const wanted = typesOf(schema)
  const given = givenTypes(shape)
  if (wanted && given && !given.some((type) => wanted.some((other) => overlap(type, other)))) {
    report(at, `is ${given.join(' or ')} where ${wanted.join(' or ')} is taken`)
    return
  }
  const inner = shape.kind === 'or-null' ? shape.of : shape
  if (inner.kind === 'literal') literal(inner.value, schema, at, report)
  compareLists(inner, target, at, report)
  if (inner.kind === 'object') compareMembers(inner.members, target, at, report)
  if (inner.kind === 'schema') compareSchemas(inner, target, at, report)
}

function fails(shape: Shape, target: Shape, at: readonly string[]): boolean {
  let failed = false
  compare(shape, target, at, () => {
    failed = true
  })
  return failed
}

function literal(value: Json, schema: JsonObject, at: readonly string[], report: Report): void {
  const choices = listOf(schema['enum'])
  if (choices.length > 0 && !choices.some((choice) => choice === value)) {
    report(at, `is ${JSON.stringify(value)}, which is none of ${JSON.stringify(choices)}`)
  }
  const { const: only, minimum, maximum, minLength, maxLength } = schema
  if (only !== undefined && canonical(only) !== canonical(value)) report(at, `must be ${JSON.stringify(only)}`)
  const size = typeof value === 'string' ? [...value].length : undefined
  const low = typeof value === 'number' ? minimum : size === undefined ? undefined : minLength
  const high = typeof value === 'number' ? maximum : size === undefined ? undefined : maxLength
  const measured = typeof value === 'number' ? value : (size ?? 0)
  if (typeof low === 'number' && measured < low) report(at, `is below ${low}`)
  if (typeof high === 'number' && measured > high) report(at, `is above ${high}`)
}

function compareMembers(
  members: ReadonlyMap<string, Shape>,
  { schema, root }: Extract<Shape, { kind: 'schema' }>,
  at: readonly string[],
  report: Report,
): void {
  const properties = isObject(schema['properties']) ? schema['properties'] : {}
  for (const name of listOf(schema['required'])) {
    if (typeof name === 'string' && !members.has(name)) report([...at, name], 'is missing')
  }
  const closed = schema['additionalProperties'] === false && schema['patternProperties'] === undefined
  for (const [name, member] of members) {
    if (Object.hasOwn(properties, name)) compare(member, partShape(properties[name], root), [...at, name], report)
    else if (closed) report([...at, name], 'is not a known key')
    else if (schema['patternProperties'] === undefined) {
      compare(member, partShape(schema['additionalProperties'], root), [...at, name], report)
    }
  }
}

function compareLists(
  shape: Shape,
  { schema, root }: Extract<Shape, { kind: 'schema' }>,
  at: readonly string[],
  report: Report,
): void {
  if (schema['prefixItems'] !== undefined) return
  const target = partShape(schema['items'], root)
  if (shape.kind === 'each') compare(shape.item, target, [...at, '0'], report)
  if (shape.kind === 'list')
    for (const [i, item] of shape.items.entries()) compare(item, target, [...at, String(i)], report)
}

function compareSchemas(
  { schema: from, root }: Extract<Shape, { kind: 'schema' }>,
  target: Extract<Shape, { kind: 'schema' }>,
  at: readonly string[],
  report: Report,
): void {
  const given = choicesOf(from)
  const taken = choicesOf(target.schema)
  if (given && taken && !given.some((choice) => taken.some((other) => canonical(choice) === canonical(other)))) {
    report(at, `is one of ${JSON.stringify(given)} where one of ${JSON.stringify(taken)} is taken`)
  }
  if (COMBINED.some((word) => word in from)) return
  const properties = isObject(from['properties']) ? from['properties'] : {}
  const closed = from['additionalProperties'] === false && from['patternProperties'] === undefined
  for (const name of listOf(target.schema['required'])) {
    if (typeof name === 'string' && closed && !Object.hasOwn(properties, name)) report([...at, name], 'is missing')
  }
  const wanted = isObject(target.schema['properties']) ? target.schema['properties'] : {}
  for (const [name, part] of Object.entries(wanted)) {
    if (!Object.hasOwn(properties, name)) continue
    compare(partShape(properties[name], root), partShape(part, target.root), [...at, name], report)
  }
  if (from['prefixItems'] === undefined && target.schema['prefixItems'] === undefined) {
    compare(partShape(from['items'], root), partShape(target.schema['items'], target.root), [...at, '0'], report)
  }
}

function choicesOf(schema: JsonObject): readonly Json[] | undefined {
  if (schema['const'] !== undefined) return [schema['const']]
  return Array.isArray(schema['enum']) ? schema['enum'] : undefined
}

function givenTypes(shape: Shape): readonly string[] | undefined {
  switch (shape.kind) {
    case 'unknown':
      return undefined
    case 'or-null': {
      const types = givenTypes(shape.of)
      return types && [...types, 'null']
    }
    case 'literal':
      if (shape.value === null) return ['null']
      return [Number.isInteger(shape.value) ? 'integer' : typeof shape.value]
    case 'object':
      return ['object']
    case 'list':
    case 'each':
      return ['array']
    case 'schema':
      return typesOf(shape.schema)
  }
}

/** A number may be an integer, and an integer is a number. */
function overlap(type: string, other: string): boolean {
  const numbers = ['integer', 'number']
  return type === other || (numbers.includes(type) && numbers.includes(other))
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}
