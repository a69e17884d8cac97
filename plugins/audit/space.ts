// Decides whether there is room for another call in the log; must refuse before the disk does.
import { statfsSync } from 'node:fs'
import { ClonedError } from 'cloned/kernel'

const MIB = 1024 * 1024
/** The system is asked this often at most, milliseconds. */
const EVERY_MS = 1_000

/** Free space at which the log warns, and at which it takes no new intents, bytes. */
export interface SpaceLimits {
  readonly warn: number
  readonly refuse: number
}

export const SPACE: SpaceLimits = Object.freeze({ warn: 256 * MIB, refuse: 16 * MIB })

export class Space {
  readonly #dir: string
  readonly #limits: SpaceLimits
  readonly #onLow: (free: number) => void
  readonly #free: (dir: string) => number
  #askedAt = Number.NEGATIVE_INFINITY
  #last = Number.POSITIVE_INFINITY

  constructor(dir: string, limits: SpaceLimits, onLow: (free: number) => void, free = freeBytes) {
    this.#dir = dir
    this.#limits = limits
    this.#onLow = onLow
    this.#free = free
  }

  /** Throws `AUDIT_DISK_FULL`. For intents only: outcomes of what runs already must find room. */
  check(): void {
    const now = performance.now()
    if (now - this.#askedAt >= EVERY_MS) {
      this.#askedAt = now
      const free = this.#free(this.#dir)
      if (free < this.#limits.warn && this.#last >= this.#limits.warn) this.#onLow(free)
      this.#last = free
    }
    if (this.#last >= this.#limits.refuse) return
    // Asked again by the next call: a person who frees space must not have to wait.
    this.#askedAt = Number.NEGATIVE_INFINITY
    const [free, needed] = [this.#last, this.#limits.refuse].map((bytes) => Math.floor(bytes / MIB))
    throw new ClonedError('AUDIT_DISK_FULL', { free: free ?? 0, needed: needed ?? 0 })
  }
}

export function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir)
  return bavail * bsize
}
