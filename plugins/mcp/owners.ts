// Finds the one server that a resource is of; its address must never be told to another.
import type { Json, JsonObject, Matches } from 'cloned/kernel'
import type { UpstreamServer } from '../mcp-upstream/slot.js'
import type { Scope } from './caller.js'
import { CODES, isObject, objectIn, RpcError } from './rpc.js'
import { templateMatcher } from './uri-template.js'

/** What a server has of a list, and whether that is all of it: a server may fail, or have more than anybody reads. */
export interface Listed {
  readonly items: readonly JsonObject[]
  readonly whole: boolean
}

type ListOf = (server: string, method: string, member: string, scope: Scope) => Promise<Listed>

/** In `_meta`: the server, of a listed resource, and of a request that is for this server. */
export const SERVER = 'cloned/server'

/** As long as clients may keep a list. */
const KEPT_MS = 5_000
const MAX_KEPT = 500
const MAX_LINKS = 2_000
const MAX_URI = 8_192
const MAX_TEMPLATES = 100

interface Kept {
  readonly until: number
  readonly uris: ReadonlySet<unknown>
  readonly templates: ReadonlySet<unknown>
  readonly fits: readonly Matches[]
  /** Everything that the server has is in these. */
  readonly whole: boolean
}

/** What an address is: that of a resource, or a template word for word. */
type Of = 'resource' | 'template'

export class Owners {
  readonly #listOf: ListOf
  readonly #now: () => number
  /** By client and server: the policy may show them different lists. */
  readonly #kept = new Map<string, Kept>()
  /** Servers that have named an address in an answer, oldest first. */
  readonly #linked = new Map<string, Set<string>>()

  constructor(listOf: ListOf, now: () => number) {
    this.#listOf = listOf
    this.#now = now
  }

  /** What a server names in an answer it may be asked for. */
  link(server: string, answer: JsonObject): void {
    for (const uri of namedIn(answer)) {
      const servers = this.#linked.get(uri) ?? new Set()
      this.#linked.delete(uri)
      this.#linked.set(uri, servers.add(server))
    }
    for (const oldest of this.#linked.keys()) {
      if (this.#linked.size <= MAX_LINKS) break
      this.#linked.delete(oldest)
    }
  }

  /**
   * The server that lists the address or has a template for it, or has named an unlisted one in an answer. Of one server alone
   * nothing is asked. Throws, of an unknown address as of an unknown resource, -32602 where several have it: a list that one
   * server makes must not take from another what that one has.
   */
  async of(
    uri: string,
    servers: readonly UpstreamServer[],
    alone: boolean,
    scope: Scope,
    what: Of = 'resource',
  ): Promise<string> {
    const names = servers.map(({ name }) => name)
    const wanted = objectIn(scope.params, '_meta')[SERVER]
    const [one] = names
    if (wanted !== undefined && names.some((name) => name === wanted)) return String(wanted)
    if (wanted === undefined && alone && one !== undefined) return one
    const owners = wanted === undefined && uri.length <= MAX_URI ? await this.#owners(uri, names, scope, what) : []
    const [owner, other] = owners
    if (owner !== undefined && other === undefined) return owner
    if (owner !== undefined) {
      const how = `name one in _meta["${SERVER}"], or serve one alone: cloned mcp --server ${owner} --names raw`
      throw new RpcError(CODES.invalidParams, `Several servers have this resource: ${owners.join(', ')}; ${how}`, {
        uri,
        servers: owners,
      })
    }
    throw new RpcError(scope.modern ? CODES.invalidParams : CODES.resourceNotFound, 'Resource not found', { uri })
  }

  async #owners(uri: string, names: readonly string[], scope: Scope, what: Of): Promise<readonly string[]> {
    const linked = what === 'resource' ? names.filter((name) => this.#linked.get(uri)?.has(name)) : []
    for (const fresh of [false, true]) {
      const lists = await Promise.all(names.map((name) => this.#lists(name, fresh, scope)))
      const having = (has: (kept: Kept) => boolean) => names.filter((_, i) => lists[i] && has(lists[i]))
      const listed = having(({ uris }) => uris.has(uri))
      const templated = having(
        ({ templates, fits }) => templates.has(uri) || (what === 'resource' && fits.some((matches) => matches(uri))),
      )
      const owners = new Set([...listed, ...templated, ...(listed.length > 0 ? [] : linked)])
      if (listed.length + templated.length === 0 && !fresh) continue
      // Whose list is not all there may be the one that it is of. Who lists or has named the very address knows it already.
      if (listed.length === 0 && templated.length > 0) this.#mustBeWhole(uri, names, lists)
      return names.filter((name) => owners.has(name))
    }
    return []
  }

  #mustBeWhole(uri: string, names: readonly string[], lists: readonly Kept[]): void {
    const missing = names.filter((_, i) => lists[i]?.whole === false)
    if (missing.length === 0) return
    const how = `name the server in _meta["${SERVER}"]`
    const text = `Whose resource this is cannot be told while these do not list all of theirs: ${missing.join(', ')}; ${how}`
    throw new RpcError(CODES.invalidParams, text, { uri, servers: missing })
  }

  async #lists(server: string, fresh: boolean, scope: Scope): Promise<Kept> {
    const key = JSON.stringify([scope.credential.key, server])
    const known = this.#kept.get(key)
    const now = this.#now()
    // A list that was asked for in this very moment is as fresh as another one would be.
    if (known && known.until > now && (!fresh || known.until === now + KEPT_MS)) return known
    const [resources, templates] = await Promise.all([
      this.#listOf(server, 'resources/list', 'resources', scope),
      this.#listOf(server, 'resources/templates/list', 'resourceTemplates', scope),
    ])
    const forms = new Set(templates.items.map(({ uriTemplate }) => uriTemplate))
    const few = [...forms].slice(0, MAX_TEMPLATES)
    const kept: Kept = {
      until: now + KEPT_MS,
      uris: new Set(resources.items.map(({ uri }) => uri)),
      templates: forms,
      fits: few.flatMap((form) => (typeof form === 'string' ? (templateMatcher(form) ?? []) : [])),
      whole: resources.whole && templates.whole && forms.size === few.length,
    }
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear()
    this.#kept.set(key, kept)
    return kept
  }
}

/** Addresses of resources in the result of a call, and in a prompt. */
function namedIn({ content, messages }: JsonObject): readonly string[] {
  const inMessages = list(messages).flatMap((message) => (isObject(message) ? [message['content'] as Json] : []))
  return [...list(content), ...inMessages].flatMap((block) => {
    if (!isObject(block)) return []
    const uri = block['type'] === 'resource' ? objectIn(block as JsonObject, 'resource')['uri'] : block['uri']
    return typeof uri === 'string' && uri.length <= MAX_URI ? [uri] : []
  })
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}
