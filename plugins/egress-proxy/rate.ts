// Counts what comes through one door in a minute; beyond the limit nothing must reach the gate or the log, but for one record.

const MINUTE_MS = 60_000

export class Rate {
  readonly #perMinute: number
  readonly #now: () => number
  #since = Number.NEGATIVE_INFINITY
  #count = 0

  constructor(perMinute: number, now: () => number) {
    this.#perMinute = perMinute
    this.#now = now
  }

  /** `first`: it is the one that went beyond the limit, `over`: others did before it. */
  take(): 'fits' | 'first' | 'over' {
    if (Math.abs(this.#now() - this.#since) >= MINUTE_MS) {
      this.#since = this.#now()
      this.#count = 0
    }
    this.#count++
    if (this.#count <= this.#perMinute) return 'fits'
    return this.#count === this.#perMinute + 1 ? 'first' : 'over'
  }
}
