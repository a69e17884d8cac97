// Makes an example of what a schema describes, out of the examples in it; makes none where it would have to guess a text.
import type { Json, JsonObject } from 'cloned/kernel'

/** An example that fits the schema, as far as the schema says enough; else `undefined`. */
export function exampleOf(schema: JsonObject): Json | undefined {
  const [given] = (schema['examples'] ?? []) as readonly Json[]
  if (given !== undefined) return given
  if (schema['default'] !== undefined) return schema['default']
  if (schema['const'] !== undefined) return schema['const']
  const [first] = (schema['enum'] ?? []) as readonly Json[]
  if (first !== undefined) return first
  switch (schema['type']) {
    case 'object':
      return exampleObject(schema)
    case 'array': {
      const item = exampleOf((schema['items'] ?? {}) as JsonObject)
      return item === undefined ? undefined : [item]
    }
    case 'integer':
    case 'number':
      return schema['minimum'] ?? 1
    case 'boolean':
      return true
    case 'string':
      return schema['format'] === 'date-time' ? '2026-11-22T09:30:00.000Z' : undefined
  }
  return undefined
}

function exampleObject({ properties = {}, required = [] }: JsonObject): JsonObject | undefined {
  const found = Object.entries(properties as Readonly<Record<string, JsonObject>>)
    .map(([name, property]) => [name, exampleOf(property)] as const)
    .filter((entry): entry is [string, Json] => entry[1] !== undefined)
  const names = new Set(found.map(([name]) => name))
  return (required as readonly string[]).every((name) => names.has(name)) ? Object.fromEntries(found) : undefined
}
