// Slows down whoever guesses tokens; it must never keep the owner of a right token out for long.
import { ClonedError, sha256 } from 'cloned/kernel'

const FREE_TRIES = 10
const FIRST_MS = 1_000
const LONGEST_MS = 60_000
const SUSPECTS = 10_000

interface Failures {
  readonly count: number
  readonly until: number
}

/**
 * Whom wrong credentials count against: an address, there a scheme, and within it whoever a JSON Web Token speaks of. Many
 * clients may have one address, and one of them must not keep the others out.
 */
export function suspectOf(address: string, scheme: string, credentials: string): string {
  const [, claims = ''] = credentials.split('.')
  return sha256(`${address}\n${scheme.toLowerCase()}\n${claims}`)
}

/** Counts wrong credentials by suspect: ten are free, then each doubles the wait, up to a minute. */
export class Lockout {
  readonly #failures = new Map<string, Failures>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** Throws `API_LOCKED_OUT` while the suspect has to wait. */
  assertOpen(suspect: string): void {
    const wait = (this.#failures.get(suspect)?.until ?? 0) - this.#now()
    if (wait > 0) throw new ClonedError('API_LOCKED_OUT', { seconds: Math.ceil(wait / 1000) })
  }

  failed(suspect: string): void {
    const count = (this.#failures.get(suspect)?.count ?? 0) + 1
    const wait = count <= FREE_TRIES ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(count - FREE_TRIES - 1, 16))
    // Deleted first, so that the oldest is the first of the map.
    this.#failures.delete(suspect)
    this.#failures.set(suspect, { count, until: this.#now() + wait })
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > SUSPECTS && oldest !== undefined) this.#failures.delete(oldest)
  }

  succeeded(suspect: string): void {
    this.#failures.delete(suspect)
  }
}
