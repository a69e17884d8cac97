// Watches requests that are under way; ends each one whose time is up, that was cancelled, or that is no longer allowed.
import { ClonedError } from 'cloned/kernel'

/** A request under way, redirects included. */
export interface LiveRequest {
  readonly host: string
  readonly ms: number
  readonly deadlineAt: number
  /** Set once: why it ended early. */
  ended: Error | undefined
  /** Aborts the exchange in hand. */
  abort: ((error: Error) => void) | undefined
  /** Why it is not allowed any more. */
  revoked: () => Error | undefined
}

const EVERY_MS = 50

/** One timer for all: a timer or an abort signal for each request costs more than judging it does (measured). */
export class LiveRequests {
  readonly #now: () => number
  readonly #live = new Set<LiveRequest>()
  #timer: NodeJS.Timeout | undefined

  constructor(now: () => number) {
    this.#now = now
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
    for (const request of this.#live) {
      const { host, ms, deadlineAt } = request
      const error = this.#now() >= deadlineAt ? new ClonedError('EGRESS_TIMEOUT', { host, ms }) : request.revoked()
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

/** Ends one request; the first reason stays. */
export function end(request: LiveRequest, error: Error): void {
  request.ended ??= error
  request.abort?.(request.ended)
}
