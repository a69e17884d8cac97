// Takes each connection and request of a door through the gate; what was not let through and recorded gets no answer.
import type { Socket } from 'node:net'
import {
  type CallOptions,
  ClonedError,
  canonical,
  digest,
  type Executor,
  fail,
  type Gate,
  type HandlerContext,
  HandlerError,
  isClonedError,
  type Json,
  sha256,
} from 'cloned/kernel'
import { type FetchResponse, type Firewall, neverSent } from '../firewall/slot.js'
import { type Refusal, refusalOfOutcome } from './refusal.js'
import { type EgressConnect, egressConnect } from './slot.js'

/** For whom a door is open. */
export interface Whose {
  readonly connector: string
  readonly tool?: string
}

/** What came of it, with the id under which all of it is recorded. */
export type Answered<T> =
  | { readonly callId: string; readonly value: T }
  | { readonly callId: string; readonly refusal: Refusal }

/** What is sent beside what is judged. */
interface Content {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
}

/** A request that was read to its end. */
export interface ReadRequest extends Content {
  readonly method: string
  readonly url: string
  readonly origin: string
  readonly headers: Readonly<Record<string, string>>
}

export interface GovernedParts {
  readonly gate: Pick<Gate, 'act'>
  readonly firewall: Pick<Firewall, 'connect' | 'fetch'>
  /** Milliseconds until a tunnel is closed, whatever is said in it. */
  readonly totalMs: number
}

const CONNECT_MS = 20_000
const REQUEST_MS = 50_000
const MAX_BYTES = 10 * 1000 * 1000

type Value = Socket | FetchResponse

export class Governed {
  readonly #parts: GovernedParts
  /** What is being asked for, by canonical input: equal inputs ask for the same. */
  readonly #asked = new Map<string, { readonly content: Content; count: number }>()
  /** What was got, by call, until whoever asked takes it. */
  readonly #got = new Map<string, Value>()

  constructor(parts: GovernedParts) {
    this.#parts = parts
  }

  /** A socket to `origin` on which nothing has been said. */
  connect(whose: Whose, origin: string, signal: AbortSignal): Promise<Answered<Socket>> {
    const input = { ...whose, method: 'CONNECT', url: origin }
    return this.#ask<Socket>(input, origin, {}, { signal, deadlineMs: CONNECT_MS })
  }

  /** The response to one request; redirects are the client's to follow. */
  fetch(whose: Whose, request: ReadRequest, signal: AbortSignal): Promise<Answered<FetchResponse>> {
    const { method, url, origin, ...content } = request
    const { headers, body = Buffer.alloc(0) } = content
    const input = { ...whose, method, url, content: digest({ headers, body: sha256(body) }) }
    return this.#ask<FetchResponse>(input, origin, content, { signal, deadlineMs: REQUEST_MS })
  }

  /** Runs what the gate let through. */
  readonly executor: Executor<EgressConnect> = {
    input: {
      type: 'object',
      properties: {
        connector: { type: 'string', minLength: 1, maxLength: 200, 'x-loggable': true },
        tool: { type: 'string', minLength: 1, maxLength: 200, 'x-loggable': true },
        method: { type: 'string', pattern: '^[A-Z]{1,20}$', 'x-loggable': true },
        url: { type: 'string', minLength: 1, maxLength: 16384 },
        content: { type: 'string', pattern: '^[0-9a-f]{64}$' },
      },
      required: ['connector', 'method', 'url'],
      additionalProperties: false,
    },
    execute: async (input, ctx) => {
      const asked = this.#asked.get(canonical(input))
      if (!asked) throw refused(new ClonedError('EGRESS_PROXY_UNASKED', { method: input.method, url: input.url }))
      const value = await this.#run(input, asked.content, ctx)
      // Nobody waits for it any more.
      if (ctx.signal.aborted) discard(value)
      else this.#got.set(ctx.callId, value)
      return null
    },
  }

  async #ask<T extends Value>(
    input: EgressConnect,
    target: string,
    content: Content,
    options: CallOptions,
  ): Promise<Answered<T>> {
    const key = canonical(input)
    const asked = this.#asked.get(key) ?? { content, count: 0 }
    this.#asked.set(key, asked)
    asked.count++
    const about = { connector: input.connector, method: input.method }
    const outcome = await this.#parts.gate
      .act<EgressConnect, Json>(egressConnect, { target, input, about }, options)
      .finally(() => {
        if (--asked.count === 0) this.#asked.delete(key)
      })
    const { callId } = outcome
    const value = this.#got.get(callId) as T | undefined
    this.#got.delete(callId)
    if (outcome.status === 'done' && value) return { callId, value }
    if (value) discard(value)
    if (outcome.status !== 'done') return { callId, refusal: refusalOfOutcome(outcome) }
    throw new Error('an action that was done gave nothing')
  }

  async #run(input: EgressConnect, content: Content, ctx: HandlerContext): Promise<Value> {
    const { connector, tool, method, url } = input
    const whose = tool === undefined ? { connector } : { connector, tool }
    const { firewall, totalMs } = this.#parts
    try {
      if (method === 'CONNECT') return await firewall.connect(ctx, url, { ...whose, deadlineMs: totalMs })
      const init = { ...content, ...whose, method, redirect: 'manual', maxBytes: MAX_BYTES } as const
      return await firewall.fetch(ctx, url, { ...init, deadlineMs: REQUEST_MS })
    } catch (error) {
      if (!isClonedError(error)) throw error
      // Until it is handed over, nothing is said in a tunnel.
      if (method === 'CONNECT' || neverSent(error.code)) throw refused(error)
      throw new HandlerError(error.message, { code: error.code, help: error.help, effect: 'unknown' })
    }
  }
}

function refused({ message, code, help }: ClonedError): HandlerError {
  return fail(message, { code, help })
}

function discard(value: Value): void {
  if ('destroy' in value) value.destroy()
}
