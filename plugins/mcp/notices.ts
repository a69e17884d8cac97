// Passes on what servers say of their own accord to the clients that want it; to nobody else, and never as a request's answer.
import type { JsonObject } from 'cloned/kernel'
import { UpstreamError, type UpstreamNotice, type Upstreams } from '../mcp-upstream/slot.js'
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
  /** By server and resource: how many clients watch it, and in whose name it is watched. */
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
      for (const [uri, server] of listener.resources) this.#unwatch(uri, server)
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
        const server = listener.resources.get(uri)
        if (server !== undefined && listener.resources.delete(uri)) this.#unwatch(uri, server)
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
      resources: new Map(),
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
          if (!(error instanceof UpstreamError) && !(error instanceof RpcError)) throw error
        })
      }
      const honoured = Object.fromEntries(
        Object.keys(CHANGES).flatMap((name) => (wanted[name] === true ? [[name, true]] : [])),
      )
      const resources = listener.resources.size > 0 ? { resourceSubscriptions: [...listener.resources.keys()] } : {}
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

  #heard({ server, method, params, client }: UpstreamNotice): void {
    if (this.#parts.only !== undefined && server !== this.#parts.only) return
    const everybody = Object.values(CHANGES).includes(method)
    for (const listener of [...this.#listeners]) {
      if (method === 'notifications/resources/updated') {
        if (listener.resources.get(String(params['uri'])) !== server) continue
      } else if (!everybody && listener.client !== client) {
        // A server logs what it was called with: nobody is told what another has done.
        continue
      }
      if (method === 'notifications/message' && !wants(listener.logLevel, params['level'])) continue
      listener.hear(method, params)
    }
  }

  async #watch(uri: string, scope: Scope): Promise<void> {
    const { listener } = scope
    if (listener.resources.has(uri)) return
    const server = await this.#parts.relay.owner(uri, scope)
    if (listener.resources.has(uri) || scope.signal.aborted) return
    if (listener.resources.size >= MAX_WATCHED)
      throw new RpcError(CODES.invalidParams, 'Too many resources are watched')
    // Each asks for itself: what one may watch, another may not.
    listener.resources.set(uri, server)
    const key = JSON.stringify([server, uri])
    this.#watched.set(key, { count: (this.#watched.get(key)?.count ?? 0) + 1, scope })
    try {
      await this.#parts.relay.request(server, 'resources/subscribe', { uri }, scope)
    } catch (error) {
      if (listener.resources.delete(uri)) this.#unwatch(uri, server)
      throw error
    }
  }

  #unwatch(uri: string, server: string): void {
    const key = JSON.stringify([server, uri])
    const { count, scope } = this.#watched.get(key) ?? {}
    if (count === undefined || scope === undefined) return
    if (count > 1) this.#watched.set(key, { count: count - 1, scope })
    else {
      this.#watched.delete(key)
      // Whoever has watched it may be gone; that nobody does any more is told all the same.
      const signal = new AbortController().signal
      this.#parts.relay.request(server, 'resources/unsubscribe', { uri }, { ...scope, signal }).catch(() => undefined)
    }
  }
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
