// Bounds how long a promise is waited for; must never leave a timer behind or a late rejection unhandled.
import { setMaxListeners } from 'node:events'

/** Raised to the waiter; whoever waits gives it its own code. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded'
  readonly ms: number
  constructor(ms: number) {
    super(`no answer in ${ms} ms`)
    this.ms = ms
  }
}

/** Whether a value is a promise-like. A hostile `then` getter throws out of here. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

/** Settles like `work`, or rejects with {@link DeadlineExceeded} after `ms`. What comes later goes to `late`. */
export function withDeadline<T>(work: PromiseLike<T>, ms: number, late?: (value: T) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let expired = false
    const timer = setTimeout(() => {
      expired = true
      reject(new DeadlineExceeded(ms))
    }, ms)
    Promise.resolve(work).then(
      (value) => {
        clearTimeout(timer)
        if (expired) late?.(value)
        else resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        if (!expired) reject(error)
      },
    )
  })
}

/** An abort signal that costs nothing until it is read. */
export class LazyContext {
  #controller: AbortController | undefined
  #reason: unknown

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      // One handler may well start more nested actions at once than the ten listeners that Node warns about.
      setMaxListeners(0, this.#controller.signal)
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    this.#reason ??= reason
    this.#controller?.abort(reason)
  }
}
