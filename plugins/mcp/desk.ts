// Holds work that waits for its client between two requests; it is given back to no other client, and to nobody for ever.
import type { JsonObject } from 'cloned/kernel'
import type { MacKey } from '../keys/slot.js'
import type { Scope } from './caller.js'
import { declares, TASKS } from './eras.js'
import { CODES, RpcError } from './rpc.js'
import { answersIn, type Hand, inSession, Running } from './running.js'
import { type Bound, readState, writeState } from './state.js'
import type { Tasks } from './tasks.js'

/** How work is done for a client. */
export interface Work {
  readonly bound: () => Omit<Bound, 'credential'>
  /** It may take long: clients that know tasks get one unless it ends, or asks, soon. */
  readonly long: boolean
  readonly run: (hand: Hand) => Promise<JsonObject>
}

export interface DeskParts {
  readonly key: () => Promise<MacKey>
  readonly tasks: Tasks
  readonly now: () => number
  /** How long an answer of the client is waited for. */
  readonly answerMs: number
  /** How soon long work becomes a task. */
  readonly patienceMs: number
}

const MAX_WAITING = 64

interface Waiting {
  readonly running: Running
  readonly credential: string
  readonly timer: NodeJS.Timeout
}

export class Desk {
  readonly #parts: DeskParts
  readonly #waiting = new Map<string, Waiting>()

  constructor(parts: DeskParts) {
    this.#parts = parts
  }

  /** Does the work, or goes on with what waited for this request, as far as it goes without the client. */
  async serve(scope: Scope, work: Work): Promise<JsonObject> {
    if (!scope.modern) return await work.run(inSession(scope, this.#parts.answerMs))
    const answers = answersIn(scope.params)
    const knowsTasks = declares(scope.client.capabilities, { extensions: { [TASKS]: {} } })
    const bound = () => ({ ...work.bound(), credential: scope.credential.key })
    const running =
      (await this.#resumed(scope, bound)) ??
      new Running(scope, knowsTasks && this.#parts.tasks.room(scope.credential), work.run)
    running.attach(scope)
    running.give(answers)
    const impatient = work.long ? setTimeout(() => running.detach(), this.#parts.patienceMs) : undefined
    const turn = await running.turn()
    clearTimeout(impatient)
    if (turn === 'detached') return this.#parts.tasks.make(running, scope.credential)
    return turn === 'asks' ? await this.#park(running, bound()) : finished(running)
  }

  /** Nobody will come back. */
  stop(): void {
    for (const { running, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      running.cancel()
    }
    this.#waiting.clear()
  }

  async #resumed(scope: Scope, bound: () => Bound): Promise<Running | undefined> {
    const { requestState } = scope.params
    if (requestState === undefined) return undefined
    const state = readState(await this.#parts.key(), requestState, bound(), this.#parts.now())
    const waiting = this.#waiting.get(state.running)
    if (waiting?.running.round === state.round) {
      this.#waiting.delete(state.running)
      clearTimeout(waiting.timer)
      return waiting.running
    }
    // The call can be made anew: the approval itself is good for one call only.
    if (state.approval !== undefined && !waiting) return undefined
    throw new RpcError(
      CODES.invalidParams,
      'Invalid params: "requestState" was used before, or what it is of has ended',
    )
  }

  async #park(running: Running, bound: Bound): Promise<JsonObject> {
    const { answerMs, now } = this.#parts
    running.round++
    const mine = [...this.#waiting.values()].filter(({ credential }) => credential === bound.credential)
    if (mine.length >= MAX_WAITING) this.#drop(mine[0]?.running.id)
    const timer = setTimeout(() => this.#drop(running.id), answerMs)
    timer.unref()
    this.#waiting.set(running.id, { running, credential: bound.credential, timer })
    const { round, approval, id } = running
    const state = { ...bound, running: id, round, expires: now() + answerMs, ...(approval ? { approval } : {}) }
    return {
      resultType: 'input_required',
      inputRequests: questionsOf(running),
      requestState: writeState(await this.#parts.key(), state),
    }
  }

  #drop(id: string | undefined): void {
    const waiting = id === undefined ? undefined : this.#waiting.get(id)
    if (!waiting) return
    clearTimeout(waiting.timer)
    this.#waiting.delete(waiting.running.id)
    waiting.running.cancel()
  }
}

/** Open questions as clients are shown them. */
export function questionsOf({ questions }: Running): JsonObject {
  return Object.fromEntries([...questions].map(([key, { method, params }]) => [key, { method, params }]))
}

/** Its result; throws what it failed with, and -32021 where it failed for want of a capability of the client. */
export function finished(running: Running): JsonObject {
  const { missing } = running
  const lacking = () =>
    new RpcError(CODES.missingCapability, `The client does not support ${Object.keys(missing ?? {}).join(', ')}`, {
      requiredCapabilities: missing,
    })
  let result: JsonObject
  try {
    result = running.result()
  } catch (error) {
    throw missing ? lacking() : error
  }
  if (missing && result['isError'] === true) throw lacking()
  return result
}
