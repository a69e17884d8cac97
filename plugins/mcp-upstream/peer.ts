// Speaks JSON-RPC with one MCP server whatever it says: what is no answer to a question is counted, and taken for none.
import { describeThrown, type Json, type JsonObject } from 'cloned/kernel'
import { UpstreamError } from './slot.js'

/** A message on its way, with what the way needs to know. */
export type Send<Via> = (message: JsonObject, via: Via | undefined) => void

export interface PeerHandlers<Via> {
  /** Answers what the server asks. An {@link UpstreamError} is answered as it is. */
  request(method: string, params: JsonObject, via: Via | undefined, signal: AbortSignal): Promise<Json>
  notice(method: string, params: JsonObject, via: Via | undefined): void
  /** The server says more than anybody listens to; nothing more of it is to be read. */
  broken(problem: string): void
}

export interface PeerRequest<Via> {
  readonly signal?: AbortSignal | undefined
  readonly deadlineMs: number
  readonly onProgress?: ((params: JsonObject) => void) | undefined
  readonly via?: Via | undefined
}

interface Waiter<Via> {
  readonly resolve: (result: JsonObject) => void
  readonly reject: (error: Error) => void
  readonly onProgress: ((params: JsonObject) => void) | undefined
  readonly via: Via | undefined
}

/** Messages in a second that are no answer: notifications, junk, answers to nobody. */
const MAX_UNASKED = 5_000
/** Questions of the server that are worked on at once. */
const MAX_ASKED = 32
const CODES = { notFound: -32601, internal: -32603 } as const

export class Peer<Via = undefined> {
  readonly #send: Send<Via>
  readonly #handlers: PeerHandlers<Via>
  readonly #now: () => number
  readonly #waiting = new Map<number, Waiter<Via>>()
  readonly #asked = new Map<string | number, AbortController>()
  #ids = 0
  #window = { since: 0, count: 0 }
  #closed: Error | undefined
  /** Lines that were no message, and answers to questions that nobody has asked, or not any more. */
  strays = 0

  constructor(send: Send<Via>, handlers: PeerHandlers<Via>, now: () => number) {
    this.#send = send
    this.#handlers = handlers
    this.#now = now
  }

  /** Rejects with {@link UpstreamError}, with what the peer is closed with, and when nobody waits any more. */
  request(method: string, params: JsonObject, options: PeerRequest<Via>): Promise<JsonObject> {
    const { signal, deadlineMs, onProgress, via } = options
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closed)
      if (signal?.aborted) return reject(new Error(`${method} was cancelled before it was sent`))
      const id = ++this.#ids
      const end = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', cancel)
        this.#waiting.delete(id)
      }
      const giveUp = (reason: string) => {
        end()
        // The handshake is not for cancelling, the specification says.
        if (method !== 'initialize' && !this.#closed)
          this.notify('notifications/cancelled', { requestId: id, reason }, via)
        reject(new Error(`${method} ${reason}`))
      }
      const cancel = () => giveUp('was cancelled')
      const timer = setTimeout(() => giveUp(`was not answered within ${deadlineMs} ms`), deadlineMs)
      timer.unref()
      signal?.addEventListener('abort', cancel, { once: true })
      this.#waiting.set(id, {
        resolve: (result) => {
          end()
          resolve(result)
        },
        reject: (error) => {
          end()
          reject(error)
        },
        onProgress,
        via,
      })
      const meta = params['_meta'] as JsonObject | undefined
      const marked = onProgress ? { ...params, _meta: { ...meta, progressToken: id } } : params
      this.#out({ id, method, params: marked }, via)
    })
  }

  notify(method: string, params: JsonObject, via?: Via): void {
    if (!this.#closed) this.#out({ method, params }, via)
  }

  /** Takes one parsed message, or whatever else it is. */
  receive(value: unknown, via?: Via): void {
    if (this.#closed) return
    if (!isObject(value)) {
      this.stray()
      return
    }
    const { id, method } = value
    if (typeof method === 'string') {
      const params = isObject(value['params']) ? value['params'] : {}
      if (typeof id === 'string' || typeof id === 'number') void this.#serve(id, method, params, via)
      else if (id === undefined) this.#notice(method, params, via)
      else this.stray()
      return
    }
    const waiter = typeof id === 'number' ? this.#waiting.get(id) : undefined
    if (!waiter) {
      this.stray()
      return
    }
    const { error, result } = value
    if (error !== undefined) waiter.reject(errorOf(error))
    else if (isObject(result)) waiter.resolve(result)
    else waiter.reject(new Error('it answered what is no result'))
  }

  /** Something that is no message, or belongs to nothing. */
  stray(): void {
    this.strays++
    this.#unasked()
  }

  /** The answer to this one will not come. */
  fail(message: JsonObject, error: Error): void {
    const { id, method } = message
    if (typeof id === 'number' && method !== undefined) this.#waiting.get(id)?.reject(error)
  }

  waits(message: JsonObject): boolean {
    return typeof message['id'] === 'number' && message['method'] !== undefined && this.#waiting.has(message['id'])
  }

  /** Rejects whatever is waited for. Legal twice. */
  close(error: Error): void {
    this.#closed ??= error
    for (const { reject } of [...this.#waiting.values()]) reject(error)
    for (const asked of this.#asked.values()) asked.abort(error)
  }

  #out(message: JsonObject, via: Via | undefined): void {
    this.#send({ jsonrpc: '2.0', ...message }, via)
  }

  #notice(method: string, params: JsonObject, via: Via | undefined): void {
    if (!this.#unasked()) return
    if (method === 'notifications/progress') {
      const token = params['progressToken']
      const waiter = typeof token === 'number' ? this.#waiting.get(token) : undefined
      if (waiter?.onProgress) waiter.onProgress(params)
      else this.strays++
    } else if (method === 'notifications/cancelled') {
      const asked = params['requestId']
      if (typeof asked === 'string' || typeof asked === 'number') this.#asked.get(asked)?.abort()
    } else this.#handlers.notice(method, params, via)
  }

  #unasked(): boolean {
    const now = this.#now()
    if (now - this.#window.since > 1000) this.#window = { since: now, count: 0 }
    if (++this.#window.count <= MAX_UNASKED) return true
    this.#handlers.broken(`it sent more than ${MAX_UNASKED} messages in a second that nobody had asked for`)
    return false
  }

  async #serve(id: string | number, method: string, params: JsonObject, via: Via | undefined): Promise<void> {
    const answer = (message: JsonObject) => {
      if (!this.#closed) this.#out({ id, ...message }, via)
    }
    if (method === 'ping') {
      if (this.#unasked()) answer({ result: {} })
      return
    }
    if (this.#asked.size >= MAX_ASKED || this.#asked.has(id)) {
      if (this.#unasked()) answer({ error: { code: CODES.internal, message: 'Too many requests at once' } })
      return
    }
    const asked = new AbortController()
    this.#asked.set(id, asked)
    try {
      const result = await this.#handlers.request(method, params, via, asked.signal)
      if (!asked.signal.aborted) answer({ result })
    } catch (error) {
      if (asked.signal.aborted) return
      const { code, message, data } =
        error instanceof UpstreamError
          ? error
          : { code: CODES.internal, message: describeThrown(error), data: undefined }
      answer({ error: { code, message, ...(data === undefined ? {} : { data }) } })
    } finally {
      this.#asked.delete(id)
    }
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function errorOf(error: unknown): Error {
  if (!isObject(error)) return new Error('it answered what is no error')
  const { code, message, data } = error
  const number = Number.isSafeInteger(code) ? (code as number) : CODES.internal
  return new UpstreamError(number, typeof message === 'string' ? message : 'The server failed', data)
}
