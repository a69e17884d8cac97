// Reads the OpenAPI document of a server and judges real answers by it.
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { JsonObject } from 'cloned/kernel'
import type { Answer } from './api-fixture.js'

export interface Media {
  readonly schema: JsonObject
  readonly example?: unknown
}
export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly deprecated?: boolean
  readonly parameters?: readonly {
    name: string
    in: 'path' | 'query' | 'header'
    required?: boolean
    schema: JsonObject
  }[]
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Media>> }
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, Media>> }>
  >
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
}
export interface Found {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}
export interface OpenApi {
  readonly openapi: string
  readonly servers: readonly { readonly url: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, JsonObject>> }
}

export function operations(document: OpenApi): Found[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )
}

const judges = new WeakMap<OpenApi, Judge>()
type Judge = (schema: JsonObject, value: unknown) => string[]

/** Says what is wrong with a value by a schema of the document; nothing when it fits. */
export function judge(document: OpenApi): Judge {
  const known = judges.get(document) ?? makeJudge(document)
  judges.set(document, known)
  return known
}

function makeJudge(document: OpenApi): Judge {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false })
  ajv.addSchema({ $id: 'doc', components: document.components })
  const compiled = new Map<string, ReturnType<typeof ajv.compile>>()
  return (schema, value) => {
    const key = JSON.stringify(schema).replaceAll('"#/components', '"doc#/components')
    const check = compiled.get(key) ?? ajv.compile(JSON.parse(key))
    compiled.set(key, check)
    return check(value) ? [] : (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
  }
}

/** What is wrong with an answer of this operation; nothing when the document describes it. */
export function wrongs(document: OpenApi, { operation }: Found, { status, headers, body }: Answer): string[] {
  const response = operation.responses[status] ?? (status >= 400 ? operation.responses['default'] : undefined)
  if (!response) return [`status ${status} is not described`]
  const type = String(headers['content-type'] ?? '').split(';')[0] ?? ''
  if (status === 304 || (type === '' && !response.content)) return []
  const media = response.content?.[type]
  if (!media) return [`type "${type}" of status ${status} is not described`]
  return judge(document)(media.schema, body)
}
