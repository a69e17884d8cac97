// Writes the settlements of calls that ended at about the same time as one batch; must never call one settled before it is written.
import type { Statement } from '../store/slot.js'

/** The most settlements that wait for each other. */
const MOST = 256

interface Waiting {
  readonly statements: readonly Statement[]
  resolve(): void
  reject(error: unknown): void
}

export class Commits {
  readonly #write: (batch: readonly Statement[]) => Promise<unknown>
  #gatherMs: number
  #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined

  /** `gatherMs`: how long the first one waits for others, milliseconds; 0 for not at all. */
  constructor(write: (batch: readonly Statement[]) => Promise<unknown>, gatherMs: number) {
    this.#write = write
    this.#gatherMs = gatherMs
  }

  /**
   * Resolves when it is written; without `gather` it waits for no others. One that fails takes those of its batch with it:
   * each is then tried again by itself.
   */
  add(statements: readonly Statement[], gather = true): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ statements, resolve, reject })
      if (!gather || this.#gatherMs === 0 || this.#waiting.length >= MOST) this.#flush()
      else this.#timer ??= setTimeout(() => this.#flush(), this.#gatherMs)
    })
  }

  /** Nothing waits from here on. */
  hurry(): void {
    this.#gatherMs = 0
    this.#flush()
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#waiting.length === 0) return
    const batch = this.#waiting
    this.#waiting = []
    this.#write(batch.flatMap(({ statements }) => statements)).then(
      () => {
        for (const { resolve } of batch) resolve()
      },
      (error: unknown) => {
        for (const { reject } of batch) reject(error)
      },
    )
  }
}
