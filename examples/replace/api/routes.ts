// Says what can be asked: every route with its scope, what it takes and how it answers; it serves nothing itself.
import { ClonedError, compileSchema, type Gate, type Json, type JsonObject, wordProblems } from 'cloned/kernel'
import { outcomeAnswer, type Principal, type Problem, type Scope } from 'cloned/plugins/api'
import type { Workspace } from 'cloned/plugins/workspace'

/** What a route is asked. */
export interface Asked {
  /** Of the path. */
  readonly id: string
  readonly body: JsonObject
  /** From whom; `undefined` on an open route only. */
  readonly principal: Principal | undefined
  readonly signal: AbortSignal
}

export interface Route {
  readonly method: 'GET' | 'POST'
  /** `{id}` stands for one part of the path. */
  readonly path: string
  readonly operationId: string
  readonly summary: string
  /** Absent: anybody may ask. */
  readonly scope?: Scope
  /** JSON Schema of the body. */
  readonly body?: JsonObject
  answer(asked: Asked): Promise<Problem>
}

const CALL = {
  type: 'object',
  additionalProperties: false,
  required: ['input'],
  properties: {
    input: { type: 'object' },
    actor: { type: 'string', maxLength: 140, description: 'Recorded as a claim beside who really asks.' },
    dry_run: { type: 'boolean' },
  },
} as const
const problemsOf = compileSchema(CALL)

interface RouteParts {
  readonly gate: Gate
  readonly workspace: Workspace
  readonly document: () => Json
}

export function routesOf({ gate, workspace, document }: RouteParts): readonly Route[] {
  const ok = (body: Json): Problem => ({ status: 200, body: body as JsonObject })
  return [
    {
      method: 'GET',
      path: '/healthz',
      operationId: 'getHealth',
      summary: 'Whether the server answers',
      answer: async () => ok({ status: 'ok' }),
    },
    {
      method: 'GET',
      path: '/openapi.json',
      operationId: 'getOpenapi',
      summary: 'This description',
      answer: async () => ok(document()),
    },
    {
      method: 'GET',
      path: '/workspace',
      operationId: 'getWorkspace',
      summary: 'The workspace that is served',
      scope: 'workspace:read',
      answer: async () => ok({ id: workspace.config.id, type: workspace.config.type, root: workspace.root }),
    },
    {
      method: 'GET',
      path: '/tools',
      operationId: 'listTools',
      summary: 'The tools that can be called here',
      scope: 'tools:read',
      answer: async () =>
        ok({ tools: gate.tools().map(({ id, title, risk, capability }) => ({ id, title, risk, capability })) }),
    },
    {
      method: 'POST',
      path: '/tools/{id}/call',
      operationId: 'callTool',
      summary: 'A governed call: 200 with its output, 202 when a person has to approve it',
      scope: 'tools:call',
      body: CALL,
      async answer({ id, body, principal, signal }) {
        const problems = problemsOf(body)
        if (problems.length > 0) throw new ClonedError('API_REQUEST', { problem: wordProblems(problems) })
        if (!principal) throw new ClonedError('API_UNAUTHENTICATED', {})
        const {
          input,
          actor: claim,
          dry_run: dryRun = false,
        } = body as { input: Json; actor?: string; dry_run?: boolean }
        const { actor: who } = principal
        const actor = claim === undefined ? who : { id: claim, claimed: true, osUser: who.osUser }
        return outcomeAnswer(await gate.call({ tool: id, input, actor }, { signal, dryRun }))
      },
    },
  ]
}

/** The route of a request, with what stands for `{id}`. */
export function matched(
  routes: readonly Route[],
  method: string,
  pathname: string,
): { route: Route; id: string } | undefined {
  const parts = pathname.split('/')
  for (const route of routes) {
    const wanted = `/v1${route.path}`.split('/')
    if (route.method !== method || wanted.length !== parts.length) continue
    if (!wanted.every((part, i) => part === '{id}' || part === parts[i])) continue
    return { route, id: decoded(parts[wanted.indexOf('{id}')] ?? '') }
  }
  return undefined
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new ClonedError('API_REQUEST', { problem: 'its path is not well encoded' })
  }
}

/** The OpenAPI document. */
export function describeRoutes(routes: readonly Route[], { version }: { readonly version: string }): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const { method, path, operationId, summary, scope, body } of routes) {
    const parameter = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
    paths[path] = {
      ...paths[path],
      [method.toLowerCase()]: {
        operationId,
        summary,
        security: scope === undefined ? [] : [{ local: [scope] }],
        ...(path.includes('{id}') ? { parameters: [parameter] } : {}),
        ...(body ? { requestBody: { required: true, content: { 'application/json': { schema: body } } } } : {}),
        responses: { default: { description: 'The answer, or a problem document (RFC 9457).' } },
      },
    }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'acme', version },
    servers: [{ url: '/v1' }],
    paths,
    components: { securitySchemes: { local: { type: 'http', scheme: 'bearer' } } },
  }
}
