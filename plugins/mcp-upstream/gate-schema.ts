// Writes a stranger's schema as the gate takes schemas; it must judge exactly as the original does, or not be written at all.
import { compileSchema, type Json, type JsonObject } from 'cloned/kernel'
import { isObject } from './peer.js'
import { References, schemasIn } from './references.js'
import { mustBeLight } from './weight.js'

const TYPES = ['null', 'boolean', 'object', 'array', 'number', 'string']
/** Assertions whose value is taken over as it is, by the type that they are about. */
const PLAIN = {
  object: ['minProperties', 'maxProperties', 'dependentRequired'],
  array: ['minItems', 'maxItems', 'uniqueItems'],
  string: ['minLength', 'maxLength'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
} as const
/** What is said about which type. */
const ABOUT: Readonly<Record<string, readonly string[]>> = {
  object: [
    ...PLAIN.object,
    'properties',
    'patternProperties',
    'additionalProperties',
    'unevaluatedProperties',
    'propertyNames',
    'required',
    'dependentSchemas',
    'dependencies',
  ],
  array: [...PLAIN.array, 'items', 'prefixItems', 'contains', 'unevaluatedItems'],
  string: [...PLAIN.string, 'pattern'],
  number: PLAIN.number,
}
/** Before 2019-09, whatever stood beside a reference was nothing. */
const OLD = /draft-0[34567]/

type Mutable = { [key: string]: Json }

/** The largest that is known of servers that people use has 76. */
const MAX_SCHEMAS = 1_000

/** Throws why it cannot be judged. */
export function gateSchema(schema: JsonObject): JsonObject {
  const written = writeSchema(schema)
  // The last word is that of whoever will judge by it.
  compileSchema(written)
  return written
}

/** The same for a schema that was judged before: whoever judges by it compiles it in any case. */
export function writeSchema(schema: JsonObject): JsonObject {
  const written = new Writer(schema).whole()
  mustBeLight(written)
  return written
}

class Writer {
  readonly #root: JsonObject
  readonly #references: References
  readonly #old: boolean
  readonly #marks: boolean
  readonly #names = new Map<JsonObject, string>()
  readonly #defs: Mutable = {}
  #count = 0

  constructor(root: JsonObject) {
    this.#root = root
    this.#references = new References(root)
    this.#old = typeof root['$schema'] === 'string' && OLD.test(root['$schema'])
    const all = [...schemasIn(root)]
    if (all.length > MAX_SCHEMAS) throw new Error('it is too large')
    this.#marks = all.some((each) => 'unevaluatedProperties' in each || 'unevaluatedItems' in each)
  }

  whole(): JsonObject {
    const written = this.#write(this.#root) as JsonObject
    const type = written['type']
    // Arguments are always an object; what is said about other types is never asked.
    const root = type === 'object' ? written : { type: 'object', allOf: [this.#apart(written)] }
    return Object.keys(this.#defs).length === 0 ? root : { ...root, $defs: this.#defs }
  }

  #write(schema: Json): Json {
    if (typeof schema === 'boolean') return schema
    if (!isObject(schema)) throw new Error('a part of it is no schema')
    if (this.#old && schema['$ref'] !== undefined) return this.#reference(schema['$ref'])
    const { type: types } = schema
    const written: Mutable = {}
    const all: Json[] = []
    for (const word of ['title', 'description']) {
      if (typeof schema[word] === 'string') written[word] = schema[word]
    }
    if (types) written['type'] = types
    if ('const' in schema) written['const'] = schema['const'] as Json
    if (schema['enum'] !== undefined) {
      if (Array.isArray(schema['enum']) && schema['enum'].length === 0) all.push({ not: {} })
      else written['enum'] = schema['enum'] as Json
    }
    const has = (type: string) =>
      types === undefined || [types].flat().some((each) => each === type || (each === 'integer' && type === 'number'))
    const said = Object.entries(ABOUT).some(([type, words]) => has(type) && words.some((word) => word in schema))
    if (said && !types) written['type'] = TYPES
    if (has('object')) this.#object(schema, written, all)
    if (has('array')) this.#array(schema, written)
    if (has('string')) this.#string(schema, written)
    if (has('number')) numbers(schema, written)
    this.#compositions(schema, written, all)
    if (schema['$ref'] !== undefined) all.push(this.#reference(schema['$ref']))
    if (all.length > 0) written['allOf'] = [...((written['allOf'] as Json[] | undefined) ?? []), ...all]
    return written
  }

  #object(schema: JsonObject, written: Mutable, all: Json[]): void {
    copy(schema, written, PLAIN.object)
    const { properties, patternProperties, additionalProperties, propertyNames, required } = schema
    const named = this.#map(properties)
    const patterned = this.#map(patternProperties)
    // Names that a pattern names too are written as patterns: by both together it is judged either way.
    const overlap = Object.keys(patterned).length > 0
    if (overlap) {
      for (const [name, value] of Object.entries(named)) {
        const pattern = `^${name.replace(/[\\^$.*+?()[\]{}|/]/g, (c) => `\\${c}`)}$`
        patterned[pattern] = pattern in patterned ? { allOf: [value, patterned[pattern] as Json] } : value
      }
    }
    if (properties !== undefined && !overlap) written['properties'] = named
    if (overlap) written['patternProperties'] = patterned
    if (additionalProperties !== undefined) written['additionalProperties'] = this.#write(additionalProperties)
    if (schema['unevaluatedProperties'] !== undefined) {
      written['unevaluatedProperties'] = this.#write(schema['unevaluatedProperties'])
    }
    if (propertyNames !== undefined) written['propertyNames'] = this.#apart(this.#write(propertyNames))
    if (required !== undefined) {
      if (!Array.isArray(required) || !required.every((name) => typeof name === 'string')) {
        throw new Error('its "required" is no list of names')
      }
      const names = [...new Set(required as string[])]
      const own = overlap ? {} : named
      const here = names.filter((name) => Object.hasOwn(own, name))
      if (here.length > 0) written['required'] = here
      const others = names.filter((name) => !Object.hasOwn(own, name))
      if (others.length > 0) all.push(this.#required(others))
    }
    this.#dependencies(schema, written, all)
  }

  /** Names that are required and not described, apart: described there, they would be known to what stands beside. */
  #required(names: readonly string[]): Json {
    const properties = Object.fromEntries(names.map((name) => [name, true]))
    const ref = this.#apart({ type: TYPES, properties, required: [...names] })
    // Twice denied it says the same of the value, and nothing of which properties were looked at.
    return this.#marks ? { not: this.#apart({ not: ref }) } : ref
  }

  #dependencies(schema: JsonObject, written: Mutable, all: Json[]): void {
    const { dependentSchemas, dependencies } = schema
    const given = {
      ...(isObject(dependencies) ? dependencies : {}),
      ...(isObject(dependentSchemas) ? dependentSchemas : {}),
    }
    if (Object.keys({ ...given, ...(schema['dependentRequired'] as object | undefined) }).length > MAX_SCHEMAS) {
      throw new Error('it is too large')
    }
    const schemas: Mutable = {}
    const lists: Mutable = {}
    for (const [name, value] of Object.entries(given)) {
      if (Array.isArray(value)) lists[name] = value as Json
      else schemas[name] = this.#apart(this.#write(value))
    }
    if (Object.keys(schemas).length > 0) written['dependentSchemas'] = schemas
    if (Object.keys(lists).length > 0) {
      if (written['dependentRequired'] === undefined) written['dependentRequired'] = lists
      else all.push(this.#apart({ type: TYPES, dependentRequired: lists }))
    }
  }

  #array(schema: JsonObject, written: Mutable): void {
    copy(schema, written, PLAIN.array)
    const tuple = Array.isArray(schema['items']) ? schema['items'] : schema['prefixItems']
    const rest = Array.isArray(schema['items']) ? schema['additionalItems'] : schema['items']
    if (Array.isArray(tuple) && tuple.length > 0)
      written['prefixItems'] = (tuple as Json[]).map((each) => this.#write(each))
    else if (tuple !== undefined && !Array.isArray(tuple)) throw new Error('its "prefixItems" is no list')
    if (rest !== undefined) written['items'] = this.#write(rest)
    const { contains, minContains, maxContains, unevaluatedItems } = schema
    // With nothing to find and no limit it says nothing, and is refused for that.
    if (contains !== undefined && (minContains !== 0 || maxContains !== undefined)) {
      written['contains'] = this.#write(contains)
      copy(schema, written, ['minContains', 'maxContains'])
    }
    if (unevaluatedItems !== undefined) {
      if (contains !== undefined && written['contains'] === undefined) throw new Error('its "contains" says nothing')
      written['unevaluatedItems'] = this.#write(unevaluatedItems)
    }
  }

  #string(schema: JsonObject, written: Mutable): void {
    copy(schema, written, PLAIN.string)
    if (schema['pattern'] !== undefined) written['pattern'] = schema['pattern']
  }

  #compositions(schema: JsonObject, written: Mutable, all: Json[]): void {
    for (const word of ['allOf', 'anyOf', 'oneOf']) {
      const list = schema[word]
      if (list === undefined) continue
      if (!Array.isArray(list) || list.length === 0) throw new Error(`its "${word}" is no list of schemas`)
      const apart = (list as Json[]).map((each) => this.#apart(this.#write(each)))
      if (word === 'allOf') all.push(...apart)
      else written[word] = apart
    }
    if (schema['not'] !== undefined) written['not'] = this.#apart(this.#write(schema['not']))
    if (schema['if'] === undefined || (schema['then'] === undefined && schema['else'] === undefined)) return
    for (const word of ['if', 'then', 'else']) {
      if (schema[word] !== undefined) written[word] = this.#apart(this.#write(schema[word] as Json))
    }
  }

  #map(value: Json | undefined): Mutable {
    if (value === undefined) return {}
    if (!isObject(value)) throw new Error('its properties are no object')
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, this.#write(each)]))
  }

  #reference(ref: Json): Json {
    const target = this.#references.target(ref)
    if (!isObject(target)) return this.#apart(this.#write(target))
    let name = this.#names.get(target)
    if (name === undefined) {
      name = this.#name()
      this.#names.set(target, name)
      this.#defs[name] = this.#write(target)
    }
    return { $ref: `#/$defs/${name}` }
  }

  /** A schema of its own: what is said around it narrows nothing in it. */
  #apart(written: Json): Json {
    if (typeof written === 'boolean') return written
    const name = this.#name()
    this.#defs[name] = written
    return { $ref: `#/$defs/${name}` }
  }

  #name(): string {
    return `r${this.#count++}`
  }
}

function copy(schema: JsonObject, written: Mutable, words: readonly string[]): void {
  for (const word of words) if (schema[word] !== undefined) written[word] = schema[word]
}

/** In draft 4 the exclusive limits were marks of the others. */
function numbers(schema: JsonObject, written: Mutable): void {
  copy(schema, written, PLAIN.number)
  for (const [exclusive, limit] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (typeof schema[exclusive] !== 'boolean') continue
    delete written[exclusive]
    if (schema[exclusive] !== true || schema[limit] === undefined) continue
    written[exclusive] = schema[limit]
    delete written[limit]
  }
}
