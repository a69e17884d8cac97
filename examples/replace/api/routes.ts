// Says what can be asked: every route with its scope, what it takes and how it answers; it lets nobody in itself.
import type { IncomingMessage } from 'node:http'
import { unescape as decoded } from 'node:querystring'
import {
  type Actor,
  ClonedError,
  compileSchema,
  type Gate,
  type Json,
  type JsonObject,
  wordProblems,
} from 'cloned/kernel'
import { outcomeAnswer, type Problem, type Scope } from 'cloned/plugins/api'

export interface Route {
  readonly path: string
  readonly operationId: string
  readonly scope: Scope
  /** JSON Schema of what is posted; absent where something is read. */
  readonly body?: JsonObject
  answer(asked: Asked): Promise<Problem>
}

interface Asked {
  /** What stands for `{id}` in the path. */
  readonly id: string
  readonly body: JsonObject
  readonly actor: Actor
  readonly signal: AbortSignal
}

const CALL = {
  type: 'object',
  additionalProperties: false,
  required: ['input'],
  properties: { input: { type: 'object' } },
} as const
const problemsOf = compileSchema(CALL)

export function routesOf(gate: Pick<Gate, 'tools' | 'call'>): readonly Route[] {
  return [
    {
      path: '/tools',
      operationId: 'listTools',
      scope: 'tools:read',
      async answer() {
        const tools = gate.tools().map(({ id, title, risk, capability }) => ({ id, title, risk, capability }))
        return { status: 200, body: { tools } }
      },
    },
    {
      path: '/tools/{id}/call',
      operationId: 'callTool',
      scope: 'tools:call',
      body: CALL,
      async answer({ id: tool, body, actor, signal }) {
        const problems = problemsOf(body)
        if (problems.length > 0) throw new ClonedError('API_REQUEST', { problem: wordProblems(problems) })
        return outcomeAnswer(await gate.call({ tool, input: body['input'], actor }, { signal }))
      },
    },
  ]
}

/** The route of a request, with what stands for `{id}`. Throws `API_NOT_FOUND`. */
export function matched(routes: readonly Route[], { method, url = '' }: IncomingMessage): { route: Route; id: string } {
  const [path = ''] = url.split('?')
  for (const route of routes) {
    const found = path.match(`^/v1${route.path.replace('{id}', '([^/]+)')}$`)
    if (found && method === methodOf(route)) return { route, id: decoded(found[1] ?? '') }
  }
  throw new ClonedError('API_NOT_FOUND', {})
}

function methodOf({ body }: Route): string {
  return body ? 'POST' : 'GET'
}

/** The OpenAPI document. */
export function describeRoutes(routes: readonly Route[], { version }: { readonly version: string }): Json {
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
  const operations = routes.map((route) => {
    const { path, operationId, scope, body } = route
    const operation = {
      operationId,
      security: [{ local: [scope] }],
      parameters: path.includes('{id}') ? [id] : [],
      ...(body ? { requestBody: { required: true, content: { 'application/json': { schema: body } } } } : {}),
      responses: { default: { description: 'The answer, or a problem document (RFC 9457).' } },
    }
    return [path, { [methodOf(route).toLowerCase()]: operation }] as const
  })
  return {
    openapi: '3.1.0',
    info: { title: 'acme', version },
    servers: [{ url: '/v1' }],
    paths: Object.fromEntries(operations),
    components: { securitySchemes: { local: { type: 'http', scheme: 'bearer' } } },
  }
}
