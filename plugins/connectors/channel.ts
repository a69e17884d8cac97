// Speaks JSON-RPC with one worker; a message that breaks the protocol ends the worker, and none is taken for another.
import type { Readable, Writable } from 'node:stream'
import { eachLine, MAX_LINE_BYTES, type Message, RPC } from 'cloned/connector'
import { describeThrown } from 'cloned/kernel'
import { MAX_MESSAGES, MAX_REQUESTS, MAX_UNREAD } from './limits.js'

/** A worker's error answer, as it came. */
export class WorkerError extends Error {
  override readonly name = 'WorkerError'
  readonly code: number
  readonly data: unknown

  constructor(message: string, code: number, data: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

/** Thrown by {@link ChannelHandlers.request} to answer with an error. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly data: { readonly code: string; readonly help?: string; readonly effect?: string }

  constructor(message: string, data: Refusal['data']) {
    super(message)
    this.data = data
  }
}

export interface ChannelHandlers {
  /** Answers a request of the worker. Whatever it throws but a {@link Refusal} breaks the protocol. */
  request(method: string, params: unknown): Promise<unknown>
  /** Throws for a notice that breaks the protocol. */
  notice(method: string, params: unknown): void
  /** The worker broke the protocol; nothing more of it is read. */
  broken(problem: string): void
}

interface Waiter {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

export class Channel {
  readonly #input: Writable
  readonly #handlers: ChannelHandlers
  readonly #now: () => number
  readonly #waiting = new Map<string, Waiter>()
  #requests = 0
  #room: (() => void) | undefined
  #window = { since: 0, count: 0 }
  #closed: Error | undefined

  constructor(streams: { stdin: Writable; stdout: Readable }, handlers: ChannelHandlers, now: () => number) {
    this.#input = streams.stdin
    this.#handlers = handlers
    this.#now = now
    // Its end is told by the process; a write that comes too late is no news.
    streams.stdin.on('error', () => undefined)
    eachLine(streams.stdout, MAX_LINE_BYTES, (line) => this.#line(line)).catch((error: unknown) => {
      handlers.broken(describeThrown(error))
    })
  }

  /** Bytes that the worker has not read yet. */
  get unread(): number {
    return this.#input.writableLength
  }

  /** Sends a request and answers its result. Rejects with {@link WorkerError}, and with what the channel is closed with. */
  request(id: string, method: string, params: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closed)
      this.#waiting.set(id, { resolve, reject })
      this.#send({ id, method, params })
    })
  }

  notify(method: string, params: unknown): void {
    if (!this.#closed) this.#send({ method, params })
  }

  /** Rejects whatever is waited for. */
  close(error: Error): void {
    this.#closed ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  #send(message: Omit<Message, 'jsonrpc'>): void {
    const line = JSON.stringify({ jsonrpc: '2.0', ...message })
    this.#input.write(`${line}\n`)
  }

  /** What a worker asks for and does not read would be kept here without end. */
  #reply(message: Omit<Message, 'jsonrpc'>): void {
    if (this.unread > MAX_UNREAD) this.#handlers.broken('it does not read the answers to its requests')
    else this.#send(message)
  }

  #line(line: string): Promise<void> | undefined {
    if (this.#closed) return undefined
    const message = messageOf(line)
    const { id, method, params } = message
    if (method === undefined) {
      this.#answer(message)
      return undefined
    }
    this.#count()
    if (id === undefined) this.#handlers.notice(method, params)
    else {
      this.#requests++
      void this.#serve(id, method, params)
      if (this.#requests >= MAX_REQUESTS) {
        return new Promise((resolve) => {
          this.#room = resolve
        })
      }
    }
    return undefined
  }

  #answer({ id, result, error }: Message): void {
    const waiter = this.#waiting.get(String(id))
    if (!waiter) throw new Error('it answered a request that nobody has made, or twice')
    this.#waiting.delete(String(id))
    if (error) waiter.reject(new WorkerError(error.message, error.code, error.data))
    else waiter.resolve(result)
  }

  #count(): void {
    const now = this.#now()
    if (now - this.#window.since > 1000) this.#window = { since: now, count: 0 }
    if (++this.#window.count > MAX_MESSAGES) {
      throw new Error(`it sent more than ${MAX_MESSAGES} notices and requests in a second`)
    }
  }

  async #serve(id: string | number, method: string, params: unknown): Promise<void> {
    try {
      const result = await this.#handlers.request(method, params)
      if (!this.#closed) this.#reply({ id, result })
    } catch (error) {
      if (this.#closed) return
      if (!(error instanceof Refusal)) return this.#handlers.broken(describeThrown(error))
      this.#reply({ id, error: { code: RPC.refused, message: error.message, data: error.data } })
    } finally {
      this.#requests--
      this.#room?.()
    }
  }
}

/** As in the schema. Answers repeat it. */
const MAX_ID = 200

/** Throws for whatever is not one message of JSON-RPC 2.0. */
function messageOf(line: string): Message {
  const message = parsed(line) as Message | null
  if (typeof message !== 'object' || message === null || message.jsonrpc !== '2.0') throw notOne(line)
  const { id, method, error } = message
  if (id !== undefined && typeof id !== 'number' && !(typeof id === 'string' && id.length <= MAX_ID)) throw notOne(line)
  if (method !== undefined) {
    if (typeof method === 'string') return message
    throw notOne(line)
  }
  const answers = Number(Object.hasOwn(message, 'result')) + Number(Object.hasOwn(message, 'error'))
  if (id === undefined || answers !== 1) throw notOne(line)
  if (error !== undefined && (typeof error?.code !== 'number' || typeof error.message !== 'string')) throw notOne(line)
  return message
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw notOne(line)
  }
}

function notOne(line: string): Error {
  return new Error(`it wrote a line that is no message of JSON-RPC 2.0: ${line.slice(0, 100)}`)
}
