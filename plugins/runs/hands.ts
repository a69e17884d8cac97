// Holds the runs that this process advances, each in one hand; lets none go in the middle of a call it can still await.
import type { Store } from '../store/slot.js'
import { QUEUE } from './ledger.js'

/** How the hand that advances a run is told to stop. */
export interface Hand {
  /** Aborts the call in hand: the run was cancelled, or the process stops. */
  readonly signal: AbortSignal
  /** Whether the process stops; the run is then left where it stands, to be resumed. */
  readonly leaving: () => boolean
}

/** What hands do their work with. */
export interface HandsParts {
  /** Advances a run as far as it goes. */
  readonly carry: (id: string, hand: Hand) => Promise<void>
  /** A run has come into a hand or has left one. */
  readonly moved: (id: string) => void
  /** Runs in hand that somebody, perhaps in another process, has cancelled. */
  readonly cancelled: () => Promise<readonly string[]>
  readonly failed: (error: unknown) => void
}

// How soon a call is told to stop whose run was cancelled in another process.
const LOOK_MS = 250

/** The runs in hand. */
export class Hands {
  readonly #parts: HandsParts
  readonly #held = new Map<string, { readonly done: Promise<void>; readonly stop: AbortController }>()
  #leaving = false
  #looking: NodeJS.Timeout | undefined
  #open: () => void = () => {}
  readonly #ready = new Promise<void>((resolve) => {
    this.#open = resolve
  })

  constructor(parts: HandsParts) {
    this.#parts = parts
  }

  /** Takes the wakes of runs from now on; nothing is advanced before `ready`. */
  work(store: Pick<Store, 'work'>): void {
    store.work(QUEUE, (id, life) => this.#hold(id, life))
  }

  ready(): void {
    this.#open()
  }

  holds(id: string): boolean {
    return this.#held.has(id)
  }

  /** Tells the call in hand of a run to stop; does nothing for a run in no hand. */
  interrupt(id: string): void {
    this.#held.get(id)?.stop.abort()
  }

  /** Takes no more runs, tells every call in hand to stop, and waits for them. Legal at any time, and twice. */
  async leave(): Promise<void> {
    this.#leaving = true
    this.#open()
    clearTimeout(this.#looking)
    for (const { stop } of this.#held.values()) stop.abort()
    await Promise.allSettled([...this.#held.values()].map(({ done }) => done))
  }

  async #hold(id: string, life: AbortSignal): Promise<void> {
    await this.#ready
    const leaving = () => this.#leaving || life.aborted
    if (leaving()) return stays(life)
    const stop = new AbortController()
    const done = this.#parts.carry(id, { signal: AbortSignal.any([stop.signal, life]), leaving })
    this.#held.set(id, { done, stop })
    this.#parts.moved(id)
    this.#look()
    try {
      await done
    } finally {
      this.#held.delete(id)
      this.#parts.moved(id)
    }
    if (leaving()) await stays(life)
  }

  #look(): void {
    this.#looking ??= setTimeout(() => {
      this.#parts.cancelled().then(
        (ids) => {
          for (const id of ids) this.interrupt(id)
          this.#looking = undefined
          if (this.#held.size > 0 && !this.#leaving) this.#look()
        },
        (error: unknown) => {
          this.#looking = undefined
          if (!this.#leaving) this.#parts.failed(error)
        },
      )
    }, LOOK_MS)
    this.#looking.unref()
  }
}

/** Keeps the wake, so that whoever looks for work next takes the run up where it stands: the store gives back what stops. */
async function stays(life: AbortSignal): Promise<never> {
  if (!life.aborted) await new Promise((resolve) => life.addEventListener('abort', resolve, { once: true }))
  throw new Error('the process stops')
}
