// Keeps one conversation with a server, in whichever of the two protocol eras it speaks; relays, and adds nothing of its own to answers.
import { describeThrown, type Json, type JsonObject, KERNEL_VERSION } from 'cloned/kernel'
import { Answering } from './answering.js'
import { answersInput, inputAnswers } from './input.js'
import type { Link, Via } from './link.js'
import type { PeerHandlers } from './peer.js'
import { isObject } from './peer.js'
import { type RelayOptions, UpstreamError } from './slot.js'

export const LEGACY = '2025-11-25'
export const MODERN = '2026-07-28'
const META = 'io.modelcontextprotocol/'
const CLIENT = { name: 'cloned', version: KERNEL_VERSION }
/** Whoever is the client at the time answers these, or says that it cannot. */
const CAPABILITIES = { roots: { listChanged: true }, sampling: {}, elicitation: { form: {}, url: {} } }
const RELAY_MS = 60_000
const MAX_PAGES = 100
const MAX_ITEMS = 5_000
/** Values in a whole list, and characters in them. One message may have as many. */
const MAX_LIST = 32 * 1024 * 1024

export interface SessionParts {
  readonly startMs: number
  /** What answers no request, and the client that it belongs to where that is certain. */
  readonly notice: (method: string, params: JsonObject, client: string | undefined) => void
}

/** How a request is made: in whose name, and what is to be done meanwhile. */
export interface SessionRequest extends Omit<RelayOptions, 'actor'> {
  readonly via: Via
}

type Connect = (handlers: Omit<PeerHandlers<Via>, 'broken'>) => Link | Promise<Link>

export class Session {
  /** What it answered to `initialize` or `server/discover`. */
  about: JsonObject = {}
  readonly #parts: SessionParts
  /** Who is asked what cannot be told apart by the request it belongs to. */
  readonly #answering = new Answering()
  readonly #subscribed = new Set<string>()
  /** Who has asked it anything: nobody, one, or more than one that it may speak of. */
  readonly #clients = new Set<string | undefined>()
  #link!: Link
  #modern = false
  #level: Json | undefined
  #listening: AbortController | undefined

  private constructor(parts: SessionParts) {
    this.#parts = parts
  }

  /** Connects and agrees on a revision. Whatever fails leaves nothing running. */
  static async open(connect: Connect, via: Via, parts: SessionParts): Promise<Session> {
    const session = new Session(parts)
    session.#link = await connect({
      request: (method, params, from, signal) => session.#asked(method, params, from, signal),
      notice: (method, params, from) => parts.notice(method, params, session.#clientOf(from)),
    })
    try {
      await session.#agree(via)
      return session
    } catch (error) {
      const { ended } = session.#link
      session.#link.kill()
      // What it said before it ended tells more than that it did not answer.
      const problem = await Promise.race([ended, undefined])
      throw problem === undefined ? error : new Error(problem)
    }
  }

  get ended(): Promise<string | undefined> {
    return this.#link.ended
  }

  get strays(): number {
    return this.#link.peer.strays
  }

  stop(): Promise<void> {
    return this.#link.stop()
  }

  kill(problem?: string): void {
    this.#link.kill(problem)
  }

  /** Rejects with {@link UpstreamError}, and with other errors where there is no answer. */
  async request(method: string, params: JsonObject, options: SessionRequest): Promise<JsonObject> {
    if (this.#clients.size < 2) this.#clients.add(options.client)
    return await this.#request(method, params, options)
  }

  async #request(
    method: string,
    params: JsonObject,
    { via, answer, client, ...options }: SessionRequest,
  ): Promise<JsonObject> {
    if (this.#modern && method in STATEFUL) return await this.#kept(method, params, via)
    const given = { ...via, answer, client }
    const send = (more: JsonObject) =>
      this.#link.peer.request(method, this.#worded({ ...params, ...more }), {
        signal: options.signal,
        deadlineMs: options.deadlineMs ?? RELAY_MS,
        onProgress: options.onProgress,
        via: given,
      })
    return await this.#answering.during(
      { ...(answer ? { answer } : {}), ...(client === undefined ? {} : { client }) },
      async () => {
        const first = await send({})
        return answersInput(first) ? await inputAnswers(first, send, answer, options.signal) : first
      },
    )
  }

  async notify(method: string, params: JsonObject, via: Via | undefined): Promise<void> {
    if (!this.#modern) await this.#link.notify(method, params, via)
  }

  /** Every item of a list of many pages; an endless one is cut. */
  async list(method: string, member: string, via: Via): Promise<readonly Json[]> {
    const found: Json[] = []
    const seen = new Set<Json>()
    let cursor: Json | undefined
    let size = 0
    for (let page = 0; page < MAX_PAGES && found.length < MAX_ITEMS; page++) {
      const answer = await this.#request(method, cursor === undefined ? {} : { cursor }, { via })
      const items = answer[member]
      if (!Array.isArray(items)) throw new Error(`its answer to ${method} has no list "${member}"`)
      size += sizeOf(items as Json[])
      if (size > MAX_LIST) throw new Error(`its answer to ${method} is too long`)
      found.push(...(items as Json[]).slice(0, MAX_ITEMS))
      cursor = answer['nextCursor']
      if (typeof cursor !== 'string' || seen.has(cursor)) break
      seen.add(cursor)
    }
    return found.slice(0, MAX_ITEMS)
  }

  async #agree(via: Via): Promise<void> {
    const peer = this.#link.peer
    const options = { deadlineMs: this.#parts.startMs, via, signal: via.ctx.signal }
    const asked = { protocolVersion: LEGACY, capabilities: CAPABILITIES, clientInfo: CLIENT }
    try {
      this.about = await peer.request('initialize', asked, options)
      const version = this.about['protocolVersion']
      if (typeof version !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(version)) throw new Error('it names no revision')
      this.#link.agreed({ version, modern: false })
      await this.#link.notify('notifications/initialized', {}, via)
    } catch (error) {
      // One that knows sessions no more answers with an error, and says so only if it likes.
      if (!(error instanceof UpstreamError)) throw error
      this.#modern = true
      this.#link.agreed({ version: MODERN, modern: true })
      this.about = await peer.request('server/discover', this.#worded({}), options).catch((second: unknown) => {
        throw new Error(`it agrees on no revision: ${error.message}; ${describeThrown(second)}`)
      })
      this.#listen(via)
    }
  }

  /** What a server without sessions has to be told with each request. */
  #worded(params: JsonObject): JsonObject {
    if (!this.#modern) return params
    const meta = isObject(params['_meta']) ? params['_meta'] : {}
    return {
      ...params,
      _meta: {
        ...meta,
        [`${META}protocolVersion`]: MODERN,
        [`${META}clientInfo`]: CLIENT,
        [`${META}clientCapabilities`]: CAPABILITIES,
        ...(this.#level === undefined ? {} : { [`${META}logLevel`]: this.#level }),
      },
    }
  }

  /** What sessions keep and a server without them does not. */
  async #kept(method: string, params: JsonObject, via: Via): Promise<JsonObject> {
    if (method === 'logging/setLevel') this.#level = params['level']
    const { uri } = params
    if (method === 'resources/subscribe' && typeof uri === 'string') this.#subscribed.add(uri)
    if (method === 'resources/unsubscribe' && typeof uri === 'string') this.#subscribed.delete(uri)
    if (method.startsWith('resources/')) this.#listen(via)
    return {}
  }

  /** Over HTTP it would be a request without an end, which no action has: there lists are asked for anew. */
  #listen(via: Via): void {
    if (this.#link.separate) return
    this.#listening?.abort()
    const listening = new AbortController()
    this.#listening = listening
    const notifications = {
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: true,
      ...(this.#subscribed.size === 0 ? {} : { resourceSubscriptions: [...this.#subscribed] }),
    }
    const options = { signal: listening.signal, deadlineMs: 2 ** 31 - 1, via }
    // It ends with the server, or never was: then nothing is heard, and lists are asked for anew all the same.
    this.#link.peer.request('subscriptions/listen', this.#worded({ notifications }), options).catch(() => undefined)
  }

  #clientOf(from: Via | undefined): string | undefined {
    if (this.#link.separate) return from?.client
    const [only] = this.#clients
    return this.#clients.size === 1 ? only : undefined
  }

  /** A question of the server goes to the client in whose name it was called; where that is not clear, to nobody. */
  async #asked(method: string, params: JsonObject, via: Via | undefined, signal: AbortSignal): Promise<Json> {
    const answer = this.#link.separate ? via?.answer : this.#answering.find()
    if (!answer) throw new UpstreamError(-32601, `No client is there who could answer ${method.slice(0, 100)}`)
    return await answer(method, params, signal)
  }
}

/** However deep it is. */
function sizeOf(value: Json): number {
  let size = 0
  const open: Json[] = [value]
  for (let each = open.pop(); each !== undefined; each = open.pop()) {
    size += typeof each === 'string' ? each.length : 1
    if (typeof each === 'object' && each !== null) for (const part of Object.values(each)) open.push(part)
  }
  return size
}

const STATEFUL: Readonly<Record<string, true>> = {
  ping: true,
  'logging/setLevel': true,
  'resources/subscribe': true,
  'resources/unsubscribe': true,
}
