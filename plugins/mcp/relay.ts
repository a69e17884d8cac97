// Relays prompts, resources and completions to the servers that have them; nothing of them is changed but names that would clash.
import { canonical, type Json, type JsonObject, sha256 } from 'cloned/kernel'
import { UpstreamError, type UpstreamServer, type Upstreams } from '../mcp-upstream/slot.js'
import { actorOf } from './actor.js'
import { inNameOf } from './asking.js'
import type { Handlers, Scope } from './caller.js'
import type { Desk } from './desk.js'
import { type Listed, Owners, SERVER } from './owners.js'
import { CODES, objectIn, RpcError, textIn } from './rpc.js'
import type { Hand } from './running.js'

export interface RelayParts {
  readonly upstreams: Pick<Upstreams, 'servers' | 'request'> | undefined
  readonly desk: Desk
  /** Only this server. */
  readonly only: string | undefined
  readonly now: () => number
}

/** How long a server may take for its part of a list of many. */
const LIST_MS = 10_000
const MAX_PAGES = 50

export class Relay {
  readonly #parts: RelayParts
  readonly #owners: Owners

  constructor(parts: RelayParts) {
    this.#parts = parts
    this.#owners = new Owners((...list) => this.#all(...list), parts.now)
  }

  /** The servers that clients see, in a stable order. */
  servers(): readonly UpstreamServer[] {
    const all = this.#parts.upstreams?.servers() ?? []
    const { only } = this.#parts
    return (only === undefined ? [...all] : all.filter(({ name }) => name === only)).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )
  }

  handlers(): Handlers {
    return {
      'prompts/list': (params, scope) => this.list('prompts/list', 'prompts', params, scope),
      'resources/list': (params, scope) => this.list('resources/list', 'resources', params, scope),
      'resources/templates/list': (params, scope) =>
        this.list('resources/templates/list', 'resourceTemplates', params, scope),
      'prompts/get': (params, scope) => {
        const [server, name] = this.#prompt(textIn(params, 'name'))
        return this.#ask(server, 'prompts/get', { ...params, name }, scope, name)
      },
      'resources/read': async (params, scope) => {
        const uri = textIn(params, 'uri')
        return await this.#ask(await this.owner(uri, scope), 'resources/read', params, scope, uri)
      },
      'completion/complete': (params, scope) => this.#complete(params, scope),
    }
  }

  /** What a server would answer, or with several the answers of all; one that fails leaves the others' to be seen. */
  async list(method: string, member: string, params: JsonObject, scope: Scope): Promise<JsonObject> {
    const servers = this.#having(member === 'prompts' ? 'prompts' : 'resources')
    const [one, other] = servers
    if (!one) return { [member]: [] }
    if (!other) return await this.request(one.name, method, params, scope)
    const parts = await Promise.all(servers.map(({ name }) => this.#all(name, method, member, scope)))
    const shown = member === 'prompts' ? renamed : marked
    return { [member]: parts.flatMap(({ items }, i) => items.map((each) => shown(each, servers[i]?.name ?? ''))) }
  }

  /** A request of the client, without what it says of the client. */
  async request(server: string, method: string, params: JsonObject, scope: Scope, hand?: Hand): Promise<JsonObject> {
    const { upstreams } = this.#parts
    if (!upstreams) throw new RpcError(CODES.methodNotFound, `Method not found: ${method}`)
    const { inputResponses: _, requestState: __, _meta: ___, ...rest } = params
    const { progressToken } = objectIn(params, '_meta')
    const answer = await upstreams.request(server, method, rest, {
      signal: hand?.signal ?? scope.signal,
      actor: actorOf(scope),
      client: scope.credential.key,
      ...(hand ? { answer: inNameOf(server, (...question) => hand.ask(...question)) } : {}),
      ...(progressToken === undefined
        ? {}
        : {
            onProgress: (progress) =>
              (hand?.scope() ?? scope).notify('notifications/progress', { ...progress, progressToken }),
          }),
    })
    this.link(server, answer)
    return answer
  }

  /** The server that a resource is of. Throws where it is of none, or of several. */
  async owner(uri: string, scope: Scope, what: 'resource' | 'template' = 'resource'): Promise<string> {
    return await this.#owners.of(uri, this.#having('resources'), this.servers().length === 1, scope, what)
  }

  /** Takes notice of the resources that a server names in an answer. */
  link(server: string, answer: JsonObject): void {
    this.#owners.link(server, answer)
  }

  async #all(server: string, method: string, member: string, scope: Scope): Promise<Listed> {
    const found: JsonObject[] = []
    const signal = AbortSignal.any([scope.signal, AbortSignal.timeout(LIST_MS)])
    let cursor: Json | undefined
    let whole = false
    try {
      for (let page = 0; page < MAX_PAGES; page++) {
        const params = cursor === undefined ? {} : { cursor }
        const asking = { signal, actor: actorOf(scope), client: scope.credential.key }
        const answer = await this.#parts.upstreams?.request(server, method, params, asking)
        const items = answer?.[member]
        if (Array.isArray(items)) found.push(...(items as readonly JsonObject[]))
        cursor = answer?.['nextCursor']
        whole = typeof cursor !== 'string'
        if (whole) break
      }
    } catch (error) {
      // One server that is broken must not hide what the others have.
      if (scope.signal.aborted) throw error
      // A server that does not know the method has none of what it would list.
      whole = error instanceof UpstreamError && error.code === CODES.methodNotFound
    }
    return { items: found, whole }
  }

  #ask(server: string, method: string, params: JsonObject, scope: Scope, target: string): Promise<JsonObject> {
    return this.#parts.desk.serve(scope, {
      bound: () => ({ method, target, args: sha256(canonical(params['arguments'] ?? null)) }),
      long: false,
      run: (hand) => this.request(server, method, params, scope, hand),
    })
  }

  async #complete(params: JsonObject, scope: Scope): Promise<JsonObject> {
    const ref = objectIn(params, 'ref')
    if (ref['type'] === 'ref/prompt') {
      const [server, name] = this.#prompt(textIn(ref, 'name'))
      return await this.request(server, 'completion/complete', { ...params, ref: { ...ref, name } }, scope)
    }
    const uri = textIn(ref, 'uri')
    return await this.request(await this.owner(uri, scope, 'template'), 'completion/complete', params, scope)
  }

  #prompt(name: string): readonly [string, string] {
    const servers = this.#having('prompts')
    const [one, other] = servers
    if (one && !other) return [one.name, name]
    const of = servers.find((server) => name.startsWith(`${server.name}__`))
    if (of) return [of.name, name.slice(of.name.length + 2)]
    throw new RpcError(CODES.invalidParams, `Unknown prompt: ${name.slice(0, 200)}`)
  }

  /** Of a server that has never run nobody knows what it can do; then it is asked. */
  #having(capability: string): readonly UpstreamServer[] {
    return this.servers().filter(({ about }) => !about || capability in objectIn(about, 'capabilities'))
  }
}

function renamed(prompt: JsonObject, server: string): JsonObject {
  return { ...prompt, name: `${server}__${String(prompt['name'])}` }
}

function marked(resource: JsonObject, server: string): JsonObject {
  return { ...resource, _meta: { ...objectIn(resource, '_meta'), [SERVER]: server } }
}
