// Speaks with one client: tells its requests from its answers and bounds what it may have in hand; a cancelled request is not answered.
import type { Json, JsonObject } from 'cloned/kernel'
import { UpstreamError } from '../mcp-upstream/slot.js'
import type { Credential, Listener, Scope } from './caller.js'
import { aboutClient, agreed, type ClientAbout, META, saysVersion } from './eras.js'
import { answerText, CODES, type Incoming, objectIn, type Request, type RequestId, RpcError } from './rpc.js'
import type { Server } from './server.js'

/** Where what belongs to one request goes. */
export interface Sink {
  /** Whether anything can be sent before the answer. */
  readonly open: boolean
  send(text: string): void
}

export interface PeerParts {
  readonly server: Server
  readonly wordError: (error: unknown, modern: boolean) => RpcError
  readonly credential: Credential
  /** Sends what belongs to no request. */
  readonly tell: (text: string) => void
  /** Hears of a notification that is meant for servers. */
  readonly relay: (method: string, params: JsonObject) => void
}

/** What one client may have in hand. */
export const MAX_IN_HAND = 256

interface Asked {
  readonly resolve: (answer: Json) => void
  readonly reject: (error: Error) => void
}

export class Peer {
  readonly #parts: PeerParts
  readonly #inHand = new Map<RequestId, AbortController>()
  readonly #asked = new Map<RequestId, Asked>()
  readonly #listener: Listener
  #asks = 0
  #about: ClientAbout | undefined
  #deaf: (() => void) | undefined

  constructor(parts: PeerParts) {
    this.#parts = parts
    this.#listener = {
      client: parts.credential.key,
      // Until a client says what it wants to see, it is shown everything.
      logLevel: 'debug',
      resources: new Map(),
      hear: (method, params) => parts.tell(JSON.stringify({ jsonrpc: '2.0', method, params })),
    }
  }

  /** The revision that was agreed on by a handshake. */
  get version(): string | undefined {
    return this.#about?.version
  }

  /** Takes a message; answers the text of the answer where there is one. Never rejects. */
  async take(message: Incoming, sink: Sink, closed?: AbortSignal): Promise<string | undefined> {
    const { id, method } = message
    if (method === undefined) return void this.#answered(message)
    const request = message as Request
    if (id === undefined) return void this.#notified(request)
    const modern = saysVersion(request.params)
    try {
      const result = await this.#serve(id, request, sink, modern, closed)
      return result && answerText(id, { result })
    } catch (error) {
      return answerText(id, { error: this.#parts.wordError(error, modern) })
    }
  }

  /** The client is gone. */
  close(): void {
    this.#deaf?.()
    for (const controller of this.#inHand.values()) controller.abort(new Error('the client is gone'))
    for (const { reject } of this.#asked.values()) reject(new UpstreamError(CODES.internal, 'The client is gone'))
    this.#inHand.clear()
    this.#asked.clear()
  }

  async #serve(id: RequestId, request: Request, sink: Sink, modern: boolean, closed: AbortSignal | undefined) {
    const { method, params } = request
    if (method === 'initialize' && !modern) return this.#initialize(params)
    const client = modern ? aboutClient(params) : (this.#about ?? UNKNOWN)
    if (!modern && !this.#about && method !== 'ping') {
      throw new RpcError(
        CODES.invalidRequest,
        `Invalid request: neither "initialize" nor "_meta" came before ${method.slice(0, 100)}`,
      )
    }
    if (this.#inHand.has(id)) throw new RpcError(CODES.invalidRequest, 'Invalid request: its id is in use')
    if (this.#inHand.size >= MAX_IN_HAND) throw new RpcError(CODES.internal, 'Too many requests at once')
    const controller = new AbortController()
    const gone = () => controller.abort(closed?.reason)
    closed?.addEventListener('abort', gone, { once: true })
    this.#inHand.set(id, controller)
    const scope = this.#scope(id, params, client, modern, sink, controller.signal)
    const deaf =
      modern && scope.listener.logLevel !== undefined ? this.#parts.server.notices.listen(scope.listener) : undefined
    try {
      const result = await this.#parts.server.answer(method, params, scope)
      return controller.signal.aborted && method !== 'subscriptions/listen' ? undefined : result
    } catch (error) {
      if (controller.signal.aborted) return undefined
      throw error
    } finally {
      deaf?.()
      this.#inHand.delete(id)
      closed?.removeEventListener('abort', gone)
    }
  }

  #initialize(params: JsonObject): JsonObject {
    if (this.#about) throw new RpcError(CODES.invalidRequest, 'Invalid request: it is initialized already')
    this.#about = agreed(params)
    this.#deaf = this.#parts.server.notices.listen(this.#listener)
    return this.#parts.server.initialized(this.#about, this.#parts.credential)
  }

  #scope(
    id: RequestId,
    params: JsonObject,
    client: ClientAbout,
    modern: boolean,
    sink: Sink,
    signal: AbortSignal,
  ): Scope {
    const notify = (method: string, more: JsonObject) => {
      if (this.#inHand.has(id) && sink.open) sink.send(JSON.stringify({ jsonrpc: '2.0', method, params: more }))
    }
    const about = { id, params, credential: this.#parts.credential, client, modern, signal, notify }
    if (!modern) return { ...about, listener: this.#listener, ask: (...question) => this.#ask(sink, ...question) }
    const level = objectIn(params, '_meta')[META.logLevel]
    const hear = (method: string, more: JsonObject) => {
      if (method === 'notifications/message') notify(method, more)
    }
    return {
      ...about,
      listener: {
        client: about.credential.key,
        logLevel: typeof level === 'string' ? level : undefined,
        resources: new Map(),
        hear,
      },
    }
  }

  #ask(sink: Sink, method: string, params: Json, signal: AbortSignal): Promise<Json> {
    return new Promise((resolve, reject) => {
      if (!sink.open || signal.aborted) return reject(new UpstreamError(CODES.internal, 'The client cannot be reached'))
      const id = `cloned-${++this.#asks}`
      const gone = () => {
        if (!this.#asked.delete(id)) return
        sink.send(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } }))
        reject(new UpstreamError(CODES.internal, 'The question was called off'))
      }
      const ended = () => signal.removeEventListener('abort', gone)
      signal.addEventListener('abort', gone, { once: true })
      this.#asked.set(id, {
        resolve: (answer) => {
          ended()
          resolve(answer)
        },
        reject: (error) => {
          ended()
          reject(error)
        },
      })
      sink.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    })
  }

  /** An answer to what nobody asked is dropped. */
  #answered({ id, result, error }: Incoming): void {
    const asked = id === undefined ? undefined : this.#asked.get(id)
    if (!asked || id === undefined) return
    this.#asked.delete(id)
    if (error === undefined) asked.resolve(result ?? null)
    else asked.reject(new UpstreamError(Number(error.code) || CODES.internal, String(error.message), error.data))
  }

  #notified({ method, params }: Request): void {
    if (method === 'notifications/cancelled') {
      const id = params['requestId']
      if (typeof id === 'string' || typeof id === 'number')
        this.#inHand.get(id)?.abort(new Error('cancelled by the client'))
    } else if (method === 'notifications/roots/list_changed') this.#parts.relay(method, params)
  }
}

const UNKNOWN: ClientAbout = { version: '', capabilities: {}, name: undefined }
