// Slows down whoever guesses tokens; it must never keep the owner of a right token out for long.
import { ClonedError } from 'cloned/kernel'

const FREE_TRIES = 10
const FIRST_MS = 1_000
const LONGEST_MS = 60_000
const CLIENTS = 10_000

interface Failures {
  readonly count: number
  readonly until: number
}

/** Counts wrong credentials by client address: ten are free, then each doubles the wait, up to a minute. */
export class Lockout {
  readonly #failures = new Map<string, Failures>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** Throws `API_LOCKED_OUT` while the client has to wait. */
  assertOpen(client: string): void {
    const wait = (this.#failures.get(client)?.until ?? 0) - this.#now()
    if (wait > 0) throw new ClonedError('API_LOCKED_OUT', { seconds: Math.ceil(wait / 1000) })
  }

  failed(client: string): void {
    const count = (this.#failures.get(client)?.count ?? 0) + 1
    const wait = count <= FREE_TRIES ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(count - FREE_TRIES - 1, 16))
    // Deleted first, so that the oldest client is the first of the map.
    this.#failures.delete(client)
    this.#failures.set(client, { count, until: this.#now() + wait })
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > CLIENTS && oldest !== undefined) this.#failures.delete(oldest)
  }

  succeeded(client: string): void {
    this.#failures.delete(client)
  }
}
