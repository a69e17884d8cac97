// Says how the OpenAPI document is made of the routes; it describes what is served and nothing else.
import { STATUS_CODES } from 'node:http'
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import type { Json, JsonObject } from 'cloned/kernel'
import type { FastifyContextConfig } from 'fastify'
import { exampleOf } from './examples.js'
import { named } from './schemas.js'

/** RFC 9457, with this package's fields. */
const PROBLEM = {
  title: 'Problem',
  type: 'object',
  description: 'A problem document (RFC 9457). `code` is a row of the error table.',
  required: ['type', 'title', 'status', 'detail', 'code', 'help'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    help: { type: 'string', description: 'What to do next, as the command line words it.' },
  },
} as const

const PROBLEM_ANSWER = {
  description: 'What kept the request from its end.',
  content: {
    'application/problem+json': {
      schema: PROBLEM,
      example: {
        type: 'urn:cloned:error:API_UNAUTHENTICATED',
        title: 'API_UNAUTHENTICATED',
        status: 401,
        detail: 'the request does not prove who it comes from.',
        help: 'Send "Authorization: Bearer" with the token that .cloned/api.json points to, or pair the device.',
        code: 'API_UNAUTHENTICATED',
      },
    },
  },
} as const

const DESCRIPTION = `Governs what AI agents do: every tool call passes one gate.

Writes that a person has to approve answer 202 with an approval id. Lists are cut by \`limit\` and \`cursor\`. Reads carry an
\`ETag\`; POST takes an \`Idempotency-Key\` and answers a repeated request with what the first one answered.
Every problem is a document of type \`application/problem+json\`.`

/** Options of `@fastify/swagger`. `version` is that of the distribution. */
export function openapi(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'cloned', version, description: DESCRIPTION, license: { name: 'MIT', identifier: 'MIT' } },
      servers: [{ url: '/v1' }],
      components: {
        securitySchemes: {
          local: { type: 'http', scheme: 'bearer', description: 'The token in `.cloned/api/token`.' },
          device: { type: 'http', scheme: 'DPoP', description: 'The access token of a paired device (RFC 9449).' },
          invitation: { type: 'http', scheme: 'Pairing', description: 'The code of `cloned pairings invite`.' },
          deviceKey: { type: 'http', scheme: 'Device', description: 'The id of a device, with a proof by its key.' },
        },
      },
    },
    // A route that takes other proofs than most says so itself.
    transform: ({ schema, url, route }) => ({ schema: { ...facts(route.config ?? {}), ...schema }, url }),
    transformObject: (document) =>
      complete(('openapiObject' in document ? document.openapiObject : {}) as Document) as never,
  }
}

/** What stands beside a route: who may use it, and whether it is retired. */
function facts({ open, scope, deprecated }: FastifyContextConfig) {
  const scopes = scope === undefined ? [] : [scope]
  return {
    security: open ? [] : [{ local: scopes }, { device: scopes }],
    ...(deprecated ? { deprecated: true } : {}),
  }
}

interface Media {
  readonly schema?: JsonObject
  readonly example?: Json
}
type Content = Readonly<Record<string, Media>>
interface Operation {
  readonly tags?: readonly string[]
  readonly parameters?: readonly Media[]
  readonly requestBody?: { readonly content: Content }
  readonly responses?: Readonly<Record<string, { readonly description?: string; readonly content?: Content }>>
}
interface Document {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components?: object
}

/** Paths under `servers`, problem documents on every operation, titled schemas by name, everything in a stable order. */
function complete(document: Document): JsonObject {
  const items = Object.entries(document.paths ?? {})
  const paths = items
    .map(([path, item]): [string, Json] => [
      path.replace(/^\/v1(?=\/)/, ''),
      Object.fromEntries(Object.entries(item).map(([method, operation]) => [method, finished(operation)])),
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const tags = items.flatMap(([, item]) => Object.values(item).flatMap((one) => one.tags ?? []))
  const found = named(Object.fromEntries(paths))
  return {
    ...(document as JsonObject),
    tags: [...new Set(tags)].sort().map((name) => ({ name })),
    paths: found.value,
    components: { ...document.components, schemas: found.schemas },
  }
}

function finished({ requestBody, responses = {}, parameters, ...operation }: Operation): Json {
  const answers = Object.entries(responses).map(([status, { description, content = {} }]) => [
    status,
    {
      description: description === 'Default Response' ? (STATUS_CODES[status] ?? '') : description,
      content: shown(content),
    },
  ])
  const bodies = Object.values(requestBody?.content ?? {})
  const required = bodies.some(({ schema }) => Array.isArray(schema?.['required']))
  return {
    ...operation,
    ...(parameters ? { parameters: parameters.map(withExample) } : {}),
    ...(requestBody ? { requestBody: { ...requestBody, content: shown(requestBody.content), required } } : {}),
    responses: { ...Object.fromEntries(answers), default: PROBLEM_ANSWER },
  } as unknown as Json
}

function shown(content: Content): Content {
  return Object.fromEntries(Object.entries(content).map(([type, media]) => [type, withExample(media)]))
}

function withExample<M extends Media>(media: M): M {
  const example = media.example ?? exampleOf(media.schema ?? {})
  return example === undefined ? media : { ...media, example }
}
