// Passes on what servers say of their own accord to the clients that want it; to nobody else, and never as a request's answer.
import type { JsonObject } from 'cloned/kernel'
import { REFUSED, UpstreamError, type UpstreamNotice, type Upstreams } from '../mcp-upstream/slot.js'
import type { Handlers, Listener, Scope } from './caller.js'
import { META } from './eras.js'
import type { Relay } from './relay.js'
import { CODES, isObject, objectIn, RpcError, textIn } from './rpc.js'

const LEVELS: readonly unknown[] = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']
const MAX_WATCHED = 1000

/** What a client may wish to hear, and the method that tells it. */
const CHANGES: Readonly<Record<string, string>> = {
  toolsListChanged: 'notifications/tools/list_changed',
  promptsListChanged: 'notifications/prompts/list_changed',
  resourcesListChanged: 'notifications/resources/list_changed',
}

export interface NoticeParts {
  readonly upstreams: Pick<Upstreams, 'onNotice'> | undefined
  readonly relay: Relay
  readonly only: string | undefined
}

export class Notices {
  readonly #parts: NoticeParts
  readonly #listeners = new Set<Listener>()
  /** How many clients watch a resource, and in whose name it is watched. */
  readonly #watched = new Map<string, { readonly count: number; readonly scope: Scope }>()
  #off: (() => void) | undefined

  constructor(parts: NoticeParts) {
    this.#parts = parts
  }

  start(): void {
    this.#off = this.#parts.upstreams?.onNotice((notice) => this.#heard(notice))
  }

  stop(): void {
    this.#off?.()
    this.#off = undefined
    this.#listeners.clear()
  }

  /** Until it is called off. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
      for (const uri of listener.resources) this.#unwatch(uri)
      listener.resources.clear()
    }
  }

  /** Methods of revisions with sessions. */
  legacy(): Handlers {
    return {
      'logging/setLevel': async (params, scope) => {
        const level = params['level']
        if (!LEVELS.includes(level)) throw new RpcError(CODES.invalidParams, 'Invalid params: there is no such level')
        scope.listener.logLevel = String(level)
        for (const { name, about } of this.#parts.relay.servers()) {
          // What is not wanted any more is filtered here anyway; another client may want it.
          if ('logging' in objectIn(about, 'capabilities')) {
            await this.#parts.relay.request(name, 'logging/setLevel', { level: 'debug' }, scope).catch(() => undefined)
          }
        }
        return {}
      },
      'resources/subscribe': async (params, scope) => {
        await this.#watch(textIn(params, 'uri'), scope)
        return {}
      },
      'resources/unsubscribe': async (params, { listener }) => {
        const uri = textIn(params, 'uri')
        if (listener.resources.delete(uri)) this.#unwatch(uri)
        return {}
      },
    }
  }

  /** `subscriptions/listen`: answers when the client ends it. */
  async stream(params: JsonObject, scope: Scope): Promise<JsonObject> {
    const wanted = params['notifications']
    if (!isObject(wanted)) throw new RpcError(CODES.invalidParams, 'Invalid params: "notifications" must be an object')
    const tag = { [META.subscription]: scope.id }
    const methods = new Set(Object.keys(CHANGES).flatMap((name) => (wanted[name] === true ? [CHANGES[name]] : [])))
    const told = (method: string, more: JsonObject) =>
      scope.notify(method, { ...more, _meta: { ...objectIn(more, '_meta'), ...tag } })
    const listener: Listener = {
      client: scope.credential.key,
      logLevel: undefined,
      resources: new Set(),
      hear: (method, more) => {
        if (methods.has(method) || method === 'notifications/resources/updated') told(method, more)
      },
    }
    const stop = this.listen(listener)
    try {
      const uris = Array.isArray(wanted['resourceSubscriptions']) ? wanted['resourceSubscriptions'] : []
      for (const uri of uris) {
        if (typeof uri !== 'string') continue
        // What it may not watch is not among what is acknowledged.
        await this.#watch(uri, { ...scope, listener }).catch((error: unknown) => {
          if (!isRefusal(error)) throw error
        })
      }
      const honoured = Object.fromEntries(
        Object.keys(CHANGES).flatMap((name) => (wanted[name] === true ? [[name, true]] : [])),
      )
      const resources = listener.resources.size > 0 ? { resourceSubscriptions: [...listener.resources] } : {}
      told('notifications/subscriptions/acknowledged', { notifications: { ...honoured, ...resources } })
      if (methods.size > 0 || listener.resources.size > 0) await aborted(scope.signal)
    } finally {
      stop()
    }
    return { _meta: tag }
  }

  /** The tools that are shown have changed for another reason than a server's. */
  toolsChanged(): void {
    for (const { hear } of this.#listeners) hear('notifications/tools/list_changed', {})
  }

  #heard({ server, method, params }: UpstreamNotice): void {
    if (this.#parts.only !== undefined && server !== this.#parts.only) return
    // A server logs what it was called with, and nobody can tell by whom: of several clients, none is told what others did.
    if (method === 'notifications/message' && new Set([...this.#listeners].map(({ client }) => client)).size > 1) return
    for (const listener of [...this.#listeners]) {
      if (method === 'notifications/message' && !wants(listener.logLevel, params['level'])) continue
      if (method === 'notifications/resources/updated' && !listener.resources.has(String(params['uri']))) continue
      listener.hear(method, params)
    }
  }

  async #watch(uri: string, scope: Scope): Promise<void> {
    const { listener } = scope
    if (listener.resources.has(uri)) return
    if (listener.resources.size >= MAX_WATCHED)
      throw new RpcError(CODES.invalidParams, 'Too many resources are watched')
    // Each asks for itself: what one may watch, another may not.
    listener.resources.add(uri)
    this.#watched.set(uri, { count: (this.#watched.get(uri)?.count ?? 0) + 1, scope })
    try {
      await this.#tell('resources/subscribe', uri, scope)
    } catch (error) {
      if (listener.resources.delete(uri)) this.#unwatch(uri)
      throw error
    }
  }

  #unwatch(uri: string): void {
    const { count, scope } = this.#watched.get(uri) ?? {}
    if (count === undefined || scope === undefined) return
    if (count > 1) this.#watched.set(uri, { count: count - 1, scope })
    else {
      this.#watched.delete(uri)
      // Whoever has watched it may be gone; that nobody does any more is told all the same.
      const signal = new AbortController().signal
      this.#tell('resources/unsubscribe', uri, { ...scope, signal }).catch(() => undefined)
    }
  }

  /** Whichever server has it; the others say that they do not know it. Rejects where the gate lets it reach none. */
  async #tell(method: string, uri: string, scope: Scope): Promise<void> {
    const having = this.#parts.relay
      .servers()
      .filter(({ about }) => objectIn(objectIn(about, 'capabilities'), 'resources')['subscribe'] === true)
    const told = await Promise.allSettled(
      having.map(({ name }) => this.#parts.relay.request(name, method, { uri }, scope)),
    )
    const refused = told.flatMap((each) => (each.status === 'rejected' && isRefusal(each.reason) ? [each.reason] : []))
    if (refused.length > 0 && told.every(({ status }) => status === 'rejected')) throw refused[0]
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof UpstreamError && error.code === REFUSED
}

/** Levels that nobody knows are shown as errors would be. */
function wants(least: string | undefined, level: unknown): boolean {
  if (least === undefined) return false
  const at = LEVELS.indexOf(level)
  return at < 0 || at >= LEVELS.indexOf(least)
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
