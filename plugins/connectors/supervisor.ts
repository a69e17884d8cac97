// Keeps one connector's worker: started by the first call, ended when idle, started again after a crash, ever later.
import { ClonedError, describeThrown, fail, type HandlerError, isClonedError } from 'cloned/kernel'
import { LOOK_MS } from './limits.js'
import type { Supervised, SupervisedCall, SupervisorParts } from './slot.js'

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

export class Supervisor<W extends Supervised, C extends SupervisedCall> {
  readonly #parts: SupervisorParts<W, C>
  #worker: Promise<W> | undefined
  #crashes = 0
  #retryAt = 0
  #problem = ''
  #idle: NodeJS.Timeout | undefined
  #look: NodeJS.Timeout | undefined
  #running = 0
  readonly #queue: (() => void)[] = []
  #stopped = false

  constructor(parts: SupervisorParts<W, C>) {
    this.#parts = parts
  }

  get alive(): boolean {
    return this.#worker !== undefined
  }

  /** Runs work on the worker. Rejects with what the work rejects with; where no worker got the call, its effect is `none`. */
  async run<T>(call: C, work: (worker: W) => Promise<T>): Promise<T> {
    await this.#turn(call.signal)
    clearTimeout(this.#idle)
    this.#look ??= setInterval(() => void this.#lookAgain(), LOOK_MS).unref()
    try {
      const worker = await this.#fitting(call)
      if (call.signal.aborted) throw fail('The call was cancelled before it was passed on.')
      const output = await work(worker)
      this.#crashes = 0
      return output
    } finally {
      this.#handOn()
      if (this.#running === 0) this.#rest()
    }
  }

  /** Ends the worker. Whatever runs on it fails. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#idle)
    const worker = await this.#worker?.catch(() => undefined)
    worker?.kill()
    await worker?.ended
  }

  /** Turns are handed on in the order of the calls, so that none is overtaken for ever. */
  async #turn(signal: AbortSignal): Promise<void> {
    const cancelled = () => fail('The call was cancelled before it was passed on.')
    if (signal.aborted) throw cancelled()
    if (this.#running < this.#parts.concurrency) {
      this.#running++
      return
    }
    const given = await new Promise<boolean>((resolve) => {
      const give = () => resolve(true)
      this.#queue.push(give)
      const leave = () => {
        const at = this.#queue.indexOf(give)
        if (at >= 0) this.#queue.splice(at, 1)
        resolve(false)
      }
      signal.addEventListener('abort', leave, { once: true })
    })
    if (!signal.aborted) return
    if (given) this.#handOn()
    throw cancelled()
  }

  #handOn(): void {
    const next = this.#queue.shift()
    if (next) next()
    else this.#running--
  }

  async #fitting(call: C): Promise<W> {
    const worker = await this.#ready(call)
    const current = this.#worker
    if (await this.#parts.mayGoOn(worker)) return worker
    // Another call may have ended it meanwhile, and started the next.
    if (this.#worker === current) this.#worker = undefined
    worker.kill()
    return await this.#ready(call)
  }

  async #ready(call: C): Promise<W> {
    if (this.#stopped) throw fail(`The connector ${this.#parts.connector} is stopped.`, { code: 'CONNECTOR_STOPPED' })
    if (this.#worker) return await this.#worker.catch((error: unknown) => Promise.reject(notStarted(error)))
    const { connector, now } = this.#parts
    const wait = this.#retryAt - now()
    if (wait > 0) {
      const params = { connector, problem: this.#problem, seconds: Math.ceil(wait / 1000) }
      throw notStarted(new ClonedError('CONNECTOR_CRASHED', params))
    }
    const starting = this.#parts.start(call)
    this.#worker = starting
    try {
      const worker = await starting
      void worker.ended.then((problem) => {
        if (this.#worker === starting) this.#worker = undefined
        if (problem !== undefined) this.#crashed(problem)
      })
      return worker
    } catch (error) {
      this.#worker = undefined
      this.#crashed(describeThrown(error))
      throw notStarted(error)
    }
  }

  /** Once is forgiven; from the second in a row on there is a pause, twice as long each time. */
  #crashed(problem: string): void {
    this.#problem = problem
    this.#crashes++
    if (this.#crashes < 2) return
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (this.#crashes - 2), LONGEST_PAUSE_MS)
    this.#retryAt = this.#parts.now() + pause
  }

  async #lookAgain(): Promise<void> {
    const worker = await this.#worker?.catch(() => undefined)
    if (worker && !(await this.#parts.mayStillRun(worker))) worker.kill('it may not run any more')
  }

  #rest(): void {
    clearInterval(this.#look)
    this.#look = undefined
    if (this.#stopped) return
    this.#idle = setTimeout(() => {
      const worker = this.#worker
      this.#worker = undefined
      void worker?.then((running) => running.stop()).catch(() => undefined)
    }, this.#parts.idleMs)
    this.#idle.unref()
  }
}

/** No worker got the call, so nothing happened. */
export function notStarted(error: unknown): HandlerError {
  const { code, help, message } = isClonedError(error)
    ? error
    : { code: 'CONNECTOR_START', help: undefined, message: describeThrown(error) }
  return fail(message, { code, ...(help === undefined ? {} : { help }) })
}
