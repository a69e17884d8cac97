// Remembers work in flight, so that a kernel stops after it; must never forget work that has not ended.

export class Tracked {
  readonly #works = new Set<Promise<unknown>>()

  add(work: Promise<unknown>): void {
    this.#works.add(work)
    const forget = () => this.#works.delete(work)
    work.then(forget, forget)
  }

  /** Resolves when nothing is in flight any more; what is in flight may start more. Bounded by its own deadlines. */
  async ended(): Promise<void> {
    while (this.#works.size > 0) await Promise.allSettled(this.#works)
  }
}
