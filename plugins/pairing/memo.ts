// Remembers what was worked out about a text that is sent with every request; forgets the oldest first, and must not be asked what changes.
export class Memo<V> {
  readonly #known = new Map<string, V>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  get(text: string): V | undefined {
    return this.#known.get(text)
  }

  set(text: string, value: V): V {
    this.#known.set(text, value)
    const [oldest] = this.#known.keys()
    if (this.#known.size > this.#most && oldest !== undefined) this.#known.delete(oldest)
    return value
  }
}
