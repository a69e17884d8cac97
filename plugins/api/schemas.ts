// Gathers the titled schemas of a document under their names, so that generated clients have types to speak of; alters no meaning.
import { ClonedError, type Json } from 'cloned/kernel'

const NAME = /^[A-Z][A-Za-z]+$/

/** The value with a `$ref` wherever a schema with a `title` in PascalCase stood, and those schemas by title. */
export function named(value: Json): { readonly value: Json; readonly schemas: Readonly<Record<string, Json>> } {
  const schemas: Record<string, Json> = {}
  const walk = (part: Json): Json => {
    if (typeof part !== 'object' || part === null) return part
    if (Array.isArray(part)) return part.map(walk)
    const copy = Object.fromEntries(
      Object.entries(part).map(([key, inner]) => [key, key === 'example' || key === 'examples' ? inner : walk(inner)]),
    )
    const { title } = copy
    if (typeof title !== 'string' || !NAME.test(title) || copy['type'] !== 'object') return copy
    // Examples stand beside each use.
    const { examples: _, ...schema } = copy
    const known = schemas[title]
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema))
      throw new ClonedError('API_ROUTE', { route: title, problem: 'two different schemas have this title' })
    schemas[title] = schema
    return { $ref: `#/components/schemas/${title}` }
  }
  const result = walk(value)
  return { value: result, schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))) }
}
