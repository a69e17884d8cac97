// Answers the methods of MCP, of revisions with sessions and of the one without; a method that is not declared is not answered.
import type { Json, JsonObject } from 'cloned/kernel'
import { isClonedError, KERNEL_VERSION, type Logger } from 'cloned/kernel'
import { UpstreamError } from '../mcp-upstream/slot.js'
import { actorOf } from './actor.js'
import type { Credential, Handler, Handlers, Scope } from './caller.js'
import { type ClientAbout, META, MODERN, SKILLS, TASKS } from './eras.js'
import type { Notices } from './notices.js'
import type { Relay } from './relay.js'
import { CODES, objectIn, RpcError } from './rpc.js'
import type { SkillTexts } from './skills.js'
import type { Tasks } from './tasks.js'
import type { View } from './view.js'

export interface ServerParts {
  readonly view: View
  readonly relay: Relay
  readonly notices: Notices
  readonly tasks: Tasks
  /** Absent where the client sees one server only. */
  readonly skills: SkillTexts | undefined
  readonly call: Handler
  /** The server that the client sees, where it is only one. */
  readonly only: string | undefined
}

const SERVER_INFO = { name: 'cloned', title: 'cloned', version: KERNEL_VERSION }
/** How long clients may keep a list. */
const LIST_TTL_MS = 5_000
const CACHEABLE: Readonly<Record<string, number>> = {
  'server/discover': LIST_TTL_MS,
  'tools/list': LIST_TTL_MS,
  'prompts/list': LIST_TTL_MS,
  'resources/list': LIST_TTL_MS,
  'resources/templates/list': LIST_TTL_MS,
  'resources/read': 0,
  'skills/list': LIST_TTL_MS,
  'skills/get': LIST_TTL_MS,
  'resources/directory/read': LIST_TTL_MS,
}
/** What has to be declared for the methods of an area. */
const AREAS: Readonly<Record<string, string>> = {
  prompts: 'prompts',
  resources: 'resources',
  completion: 'completions',
  logging: 'logging',
}

export class Server {
  readonly notices: Notices
  readonly #parts: ServerParts
  readonly #modern: Handlers
  readonly #legacy: Handlers

  constructor(parts: ServerParts) {
    this.#parts = parts
    this.notices = parts.notices
    const both: Handlers = {
      ...parts.relay.handlers(),
      'tools/list': async (_, scope) => ({ tools: parts.view.tools(actorOf(scope)).map(({ entry }) => entry) }),
      'tools/call': parts.call,
      ...(parts.skills ? withSkills(parts.relay, parts.skills) : {}),
    }
    this.#modern = {
      ...both,
      ...skillHandlers(parts.skills),
      ...parts.tasks.handlers(),
      'server/discover': async (_, { credential }) => this.#discovered(credential),
      'subscriptions/listen': (params, scope) => parts.notices.stream(params, scope),
    }
    this.#legacy = { ...both, ...parts.notices.legacy(), ping: async () => ({}) }
  }

  /** Throws an {@link RpcError}, and whatever {@link wordError} words. */
  async answer(method: string, params: JsonObject, scope: Scope): Promise<JsonObject> {
    const handlers = scope.modern ? this.#modern : this.#legacy
    const handler =
      Object.hasOwn(handlers, method) && this.#declared(method, scope.credential) ? handlers[method] : undefined
    if (!handler) throw new RpcError(CODES.methodNotFound, `Method not found: ${method.slice(0, 100)}`)
    const result = await handler(params, scope)
    if (!scope.modern) return result
    const cached = method in CACHEABLE ? { ttlMs: CACHEABLE[method] ?? 0, cacheScope: 'private' } : {}
    // A shared cache between here and the client must not keep what one credential was shown.
    const kept = result['cacheScope'] === undefined ? cached : { cacheScope: 'private' }
    return {
      resultType: 'complete',
      ...cached,
      ...result,
      ...kept,
      _meta: { ...objectIn(result, '_meta'), [META.server]: SERVER_INFO },
    }
  }

  /** The answer to `initialize`. */
  initialized({ version }: ClientAbout, credential: Credential): JsonObject {
    const { extensions: _, ...capabilities } = this.#capabilities(credential)
    return { protocolVersion: version, capabilities, serverInfo: SERVER_INFO, instructions: this.#instructions() }
  }

  #discovered(credential: Credential): JsonObject {
    return {
      supportedVersions: [MODERN],
      capabilities: this.#capabilities(credential),
      serverInfo: SERVER_INFO,
      instructions: this.#instructions(),
    }
  }

  #declared(method: string, credential: Credential): boolean {
    const needed = AREAS[method.slice(0, method.indexOf('/'))]
    return needed === undefined || needed in this.#capabilities(credential)
  }

  /** Those of a server that stand for methods which are served here. What else one declares, nobody could use. */
  #capabilities(credential: Credential): JsonObject {
    const { relay } = this.#parts
    const skills = this.#parts.skills && maySkills(credential)
    const theirs = relay.servers().map(({ about }) => objectIn(about, 'capabilities'))
    const some = (name: string) => theirs.some((each) => name in each)
    const watches = theirs.some((each) => objectIn(each, 'resources')['subscribe'] === true)
    return {
      tools: { listChanged: true },
      ...(some('prompts') ? { prompts: { listChanged: true } } : {}),
      ...(some('resources') || skills ? { resources: { listChanged: true, subscribe: watches } } : {}),
      ...(some('completions') ? { completions: {} } : {}),
      ...(some('logging') ? { logging: {} } : {}),
      extensions: { [TASKS]: {}, ...(skills ? { [SKILLS]: {} } : {}) },
    }
  }

  #instructions(): string {
    const { only, relay } = this.#parts
    const theirs = relay.servers().find(({ name }) => name === only)?.about?.['instructions']
    const own =
      'Every call of these tools passes a policy. A result that says "Not run yet" waits for a person: tell them the command it names, ' +
      'and once it is approved make the same call again. A result that says "Denied" will not change by trying again.'
    return typeof theirs === 'string' ? `${theirs}\n\n${own}` : own
  }
}

/** The error that a client is answered for what was thrown. */
export function errorWorder(log: Logger): (error: unknown, modern: boolean) => RpcError {
  return (error, modern) => {
    if (error instanceof RpcError) return error
    if (error instanceof UpstreamError) {
      const code = modern && error.code === CODES.resourceNotFound ? CODES.invalidParams : error.code
      return new RpcError(code, error.message, error.data)
    }
    if (isClonedError(error)) {
      return new RpcError(CODES.internal, error.message, { code: error.code, help: error.help })
    }
    log.error('a request of a client failed', {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
    return new RpcError(CODES.internal, 'Internal error')
  }
}

function maySkills({ skills }: Credential): boolean {
  return skills !== false
}

function skillHandlers(skills: SkillTexts | undefined): Handlers {
  return Object.fromEntries(
    Object.entries(skills?.handlers() ?? {}).map(([method, handler]): [string, Handler] => [
      method,
      async (params, scope) => {
        if (maySkills(scope.credential)) return await handler(params, scope)
        throw new RpcError(CODES.methodNotFound, `Skills are not for this credential: ${method}`)
      },
    ]),
  )
}

/** Skills are resources too: they are listed with those of servers, and read first. */
function withSkills(relay: Relay, skills: SkillTexts): Handlers {
  const { 'resources/read': read } = relay.handlers()
  return {
    'resources/list': async (params, scope) => {
      const theirs = await relay.list('resources/list', 'resources', params, scope)
      if (params['cursor'] !== undefined || !maySkills(scope.credential)) return theirs
      const listed = Array.isArray(theirs['resources']) ? (theirs['resources'] as readonly Json[]) : []
      return { ...theirs, resources: [...(await skills.resources()), ...listed] }
    },
    'resources/read': async (params, scope) => {
      const { uri } = params
      const own = typeof uri === 'string' && maySkills(scope.credential) ? await skills.read(uri) : undefined
      if (own) return own
      if (!read) throw new RpcError(CODES.methodNotFound, 'Method not found: resources/read')
      return await read(params, scope)
    },
  }
}
