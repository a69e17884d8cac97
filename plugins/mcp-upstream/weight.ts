// Decides whether a schema looks at one value too often; references that multiply must never hold up the whole process.
import type { Json, JsonObject } from 'cloned/kernel'
import { isObject } from './peer.js'
import { schemasIn } from './references.js'

/** Schemas that are applied to the very same value, within one. */
const LISTS = ['allOf', 'anyOf', 'oneOf']
const ONES = ['not', 'if', 'then', 'else']
const MOST = 10_000
const MOST_NAMES = 200

/** Throws for a schema, all of whose references lead to its `$defs`, with a part that takes too long for a single value. */
export function mustBeLight(root: JsonObject): void {
  const defs = isObject(root['$defs']) ? root['$defs'] : {}
  const weights = new Map<JsonObject, number>()
  const weigh = (schema: Json): number => {
    if (!isObject(schema)) return 1
    const known = weights.get(schema)
    if (known !== undefined) return known
    // Met again before its own weight is known, it leads back to itself with the same value.
    weights.set(schema, Number.POSITIVE_INFINITY)
    const weight = applied(schema, defs).reduce<number>((sum, each) => sum + weigh(each), 1)
    if (weight > MOST) throw new Error('it looks at one value too often')
    weights.set(schema, weight)
    return weight
  }
  for (const schema of schemasIn(root)) {
    weigh(schema)
    for (const word of ['dependentRequired', 'dependencies']) mustBeShort(isObject(schema) ? schema[word] : undefined)
  }
}

/** Each of the names may be something wrong of its own, and the words of it name them all. */
function mustBeShort(lists: Json | undefined): void {
  for (const names of isObject(lists) ? Object.values(lists) : []) {
    if (Array.isArray(names) && names.length > MOST_NAMES) throw new Error('one property needs too many others')
  }
}

function applied(schema: JsonObject, defs: JsonObject): readonly Json[] {
  const { $ref, dependentSchemas } = schema
  const target = typeof $ref === 'string' ? defs[$ref.slice('#/$defs/'.length)] : undefined
  return [
    ...LISTS.flatMap((word) => (Array.isArray(schema[word]) ? (schema[word] as Json[]) : [])),
    ...ONES.flatMap((word) => schema[word] ?? []),
    ...(isObject(dependentSchemas) ? Object.values(dependentSchemas) : []),
    ...(target === undefined ? [] : [target]),
  ]
}
