// Watches requests that are under way; ends each one whose time is up, that was cancelled, or that is no longer allowed.
import { ClonedError } from 'cloned/kernel'
import type { RulesInForce } from './revocation.js'

/** A request under way, redirects included, or a tunnel. */
export interface LiveRequest {
  readonly host: string
  readonly ms: number
  readonly deadlineAt: number
  /** Set once: why it ended early. */
  ended: Error | undefined
  /** Aborts the exchange in hand. */
  abort: ((error: Error) => void) | undefined
  /** Why it is not allowed any more. */
  revoked: (rules: () => RulesInForce) => Error | undefined
}

const EVERY_MS = 50

/** One timer for all: a timer or an abort signal for each request costs more than judging it does (measured). */
export class LiveRequests {
  readonly #now: () => number
  readonly #rules: () => RulesInForce
  readonly #live = new Set<LiveRequest>()
  #timer: NodeJS.Timeout | undefined

  constructor({ now, rules }: { readonly now: () => number; readonly rules: () => RulesInForce }) {
    this.#now = now
    this.#rules = rules
  }

  add(request: LiveRequest): void {
    this.#live.add(request)
    this.#timer ??= setInterval(() => this.sweep(), EVERY_MS).unref()
  }

  remove(request: LiveRequest): void {
    this.#live.delete(request)
  }

  /** Ends all of them. */
  endAll(error: Error): void {
    for (const request of this.#live) end(request, error)
    this.#stop()
  }

  sweep(): void {
    const rules = once(this.#rules)
    for (const request of this.#live) {
      const { host, ms, deadlineAt } = request
      const error = this.#now() >= deadlineAt ? new ClonedError('EGRESS_TIMEOUT', { host, ms }) : request.revoked(rules)
      if (error) end(request, error)
    }
    // An idle process is not woken; an idle moment between two requests keeps the timer.
    if (this.#live.size === 0) this.#stop()
  }

  #stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/** Asked for once in a sweep, however many ask: to ask looks at a file. */
function once(rules: () => RulesInForce): () => RulesInForce {
  let found: { readonly rules: RulesInForce } | { readonly fault: unknown } | undefined
  return () => {
    try {
      found ??= { rules: rules() }
    } catch (fault) {
      found = { fault }
    }
    if ('fault' in found) throw found.fault
    return found.rules
  }
}

/** Ends one request; the first reason stays, and is the answer. */
export function end(request: LiveRequest, error: Error): Error {
  request.ended ??= error
  request.abort?.(request.ended)
  return request.ended
}

/** Waits for others no longer than the request lives. */
export function whileAlive<T>(live: LiveRequest, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    live.abort = reject
    if (live.ended) reject(live.ended)
    work.then(resolve, reject)
  })
}
