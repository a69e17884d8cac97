// Compiles the schemas of routes with the JSON Schema of the rest of the package (2020-12); words every violation at once.
import { ClonedError, compileSchema, type JsonObject, wordProblems } from 'cloned/kernel'
import type { FastifySchemaCompiler } from 'fastify'

/** Numbers and booleans of a query or path arrive as text; they are read before the schema sees them. */
const TEXTUAL = new Set(['querystring', 'params'])

export const validatorCompiler: FastifySchemaCompiler<JsonObject> = ({ schema, httpPart }) => {
  // Compiled by the first request that needs it: most servers use few of their routes.
  let compiled: ReturnType<typeof compileSchema> | undefined
  const textual = TEXTUAL.has(httpPart ?? '')
  return (value: unknown) => {
    const read = textual ? coerced(value as Record<string, unknown>, schema) : (value ?? {})
    compiled ??= compileSchema(closed(schema))
    const problems = compiled(read)
    return problems.length === 0
      ? { value: read }
      : { error: new ClonedError('API_REQUEST', { problem: `${httpPart ?? 'body'}: ${wordProblems(problems)}` }) }
  }
}

// Fastify adds what it needs itself; `example` and the like are for readers.
function closed(schema: JsonObject): JsonObject {
  const { examples: _, ...rest } = schema
  return rest
}

function coerced(value: Record<string, unknown>, schema: JsonObject): Record<string, unknown> {
  const properties = (schema['properties'] ?? {}) as Record<string, { type?: string }>
  return Object.fromEntries(
    Object.entries(value).map(([name, text]) => [
      name,
      typeof text === 'string' ? read(text, properties[name]?.type) : text,
    ]),
  )
}

function read(text: string, type: string | undefined): unknown {
  if (type === 'integer') return /^-?\d{1,15}$/.test(text) ? Number(text) : text
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  return text
}
