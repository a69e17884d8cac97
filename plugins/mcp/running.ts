// Keeps one piece of work that may ask its client something before it ends; a question must never be answered twice.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Json, JsonObject } from 'cloned/kernel'
import { UpstreamError } from '../mcp-upstream/slot.js'
import type { Scope } from './caller.js'
import { declares, neededFor } from './eras.js'
import { CODES, RpcError } from './rpc.js'

/** What the work may do with whoever waits for it. */
export interface Hand {
  /** Aborts when nobody waits for the work any more. */
  readonly signal: AbortSignal
  /** The request that waits for it now. */
  scope(): Scope
  ask(method: string, params: Json, signal: AbortSignal, key?: string): Promise<Json>
  /** What is left may take long: whoever can come back later is told to. Answers whether somebody can. */
  detach(): boolean
  /** The approval that the work waits for from here on. */
  waitsFor(approval: string | undefined): void
}

interface Question {
  readonly method: string
  readonly params: Json
  readonly resolve: (answer: Json) => void
}

/** Questions that come together are shown together. */
const TOGETHER_MS = 15

export type Turn = 'ended' | 'asks' | 'detached'

export class Running {
  /** Open questions by key. */
  readonly questions = new Map<string, Question>()
  /** How often it was handed to the client. */
  round = 0
  /** The approval that it waits for. */
  approval: string | undefined
  /** What was asked for and the client has not declared. */
  missing: JsonObject | undefined
  readonly #abort = new AbortController()
  readonly #given = new Map<string, Json>()
  #scope: Scope
  #asked = 0
  #id: string | undefined
  #detached = false
  readonly #canDetach: boolean
  #wake: () => void = () => {}
  #outcome: { result: JsonObject } | { error: unknown } | undefined

  constructor(scope: Scope, canDetach: boolean, work: (hand: Hand) => Promise<JsonObject>) {
    this.#scope = scope
    this.#canDetach = canDetach
    const hand: Hand = {
      signal: this.#abort.signal,
      scope: () => this.#scope,
      ask: (...question) => this.#ask(...question),
      detach: () => this.detach(),
      waitsFor: (approval) => {
        this.approval = approval
      },
    }
    work(hand).then(
      (result) => this.#end({ result }),
      (error: unknown) => this.#end({ error }),
    )
  }

  get id(): string {
    this.#id ??= randomBytes(18).toString('base64url')
    return this.#id
  }

  get over(): boolean {
    return this.#outcome !== undefined
  }

  /** Its result; throws what the work threw. Only once it is over. */
  result(): JsonObject {
    if (!this.#outcome) throw new TypeError('it is not over')
    if ('error' in this.#outcome) throw this.#outcome.error
    return this.#outcome.result
  }

  /** Another request waits for it from here on. */
  attach(scope: Scope): void {
    this.#scope = scope
  }

  /** Answers questions, those too that are asked only later. What nobody asks is left aside. */
  give(answers: JsonObject): void {
    for (const [key, answer] of Object.entries(answers)) {
      const question = this.questions.get(key)
      this.questions.delete(key)
      if (question) question.resolve(answer)
      else if (this.#given.size < 100) this.#given.set(key, answer)
    }
  }

  detach(): boolean {
    if (!this.#canDetach) return false
    this.#detached = true
    this.#wake()
    return true
  }

  /** What happens first: its end, questions, or that it goes on without anybody. */
  async turn(): Promise<Turn> {
    const { signal } = this.#scope
    for (;;) {
      if (this.over) return 'ended'
      if (this.#detached) return 'detached'
      if (this.questions.size > 0) {
        await sleep(TOGETHER_MS)
        if (this.questions.size > 0) return 'asks'
        continue
      }
      await this.#change(signal)
      if (signal.aborted) this.cancel()
    }
  }

  cancel(): void {
    this.#abort.abort(new Error('cancelled by the client'))
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        signal.removeEventListener('abort', this.#wake)
        resolve()
      }
      if (signal.aborted && !this.#abort.signal.aborted) return this.#wake()
      signal.addEventListener('abort', this.#wake, { once: true })
    })
  }

  #end(outcome: { result: JsonObject } | { error: unknown }): void {
    this.#outcome = outcome
    this.questions.clear()
    this.#wake()
  }

  #ask(method: string, params: Json, signal: AbortSignal, key?: string): Promise<Json> {
    const refused = refusal(this.#scope, method, params)
    if (refused) {
      if (refused.needed) this.missing = { ...this.missing, ...refused.needed }
      return Promise.reject(refused)
    }
    const name = key ?? `q${this.#asked++}`
    const given = this.#given.get(name)
    this.#given.delete(name)
    if (given !== undefined) return Promise.resolve(given)
    return new Promise((resolve, reject) => {
      const gone = () => {
        this.questions.delete(name)
        reject(new UpstreamError(CODES.internal, 'The client did not answer'))
      }
      signal.addEventListener('abort', gone, { once: true })
      this.#abort.signal.addEventListener('abort', gone, { once: true })
      this.questions.set(name, { method, params, resolve })
      this.#wake()
    })
  }
}

/**
 * With a session the client is asked while its request is open: the work is then no more than that request. A question that is
 * not answered within so many milliseconds is called off.
 */
export function inSession(scope: Scope, answerMs: number): Hand {
  return {
    signal: scope.signal,
    scope: () => scope,
    ask(method, params, signal) {
      const refused = refusal(scope, method, params)
      if (refused || !scope.ask) return Promise.reject(refused)
      return scope.ask(method, params, AbortSignal.any([signal, scope.signal, AbortSignal.timeout(answerMs)]))
    },
    detach: () => false,
    waitsFor: () => undefined,
  }
}

class Refusal extends UpstreamError {
  /** What the client would have to declare; `undefined` where nothing would help. */
  readonly needed: JsonObject | undefined
  constructor(message: string, needed?: JsonObject) {
    super(CODES.methodNotFound, message)
    this.needed = needed
  }
}

/** Why a client cannot be asked this. */
function refusal({ client }: Scope, method: string, params: Json): Refusal | undefined {
  const needed = neededFor(method, params)
  if (!needed) return new Refusal(`A client of MCP cannot be asked "${method.slice(0, 50)}"`)
  if (declares(client.capabilities, needed)) return undefined
  return new Refusal(`The client does not support ${Object.keys(needed).join(', ')}`, needed)
}

/** The answers in a request. Throws -32602 for what cannot be any. */
export function answersIn(params: JsonObject): JsonObject {
  const given = params['inputResponses']
  if (given === undefined) return {}
  const fits = typeof given === 'object' && given !== null && !Array.isArray(given)
  if (fits && Object.values(given).every((each) => typeof each === 'object' && each !== null && !Array.isArray(each))) {
    return given as JsonObject
  }
  throw new RpcError(CODES.invalidParams, 'Invalid params: "inputResponses" must be an object of objects')
}
