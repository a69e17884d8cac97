// Holds the runs that this process advances, each in one hand; lets none go in the middle of a call it can still await.
import type { Store } from '../store/slot.js'
import type { Hand } from './engine.js'
import { QUEUE } from './ledger.js'

/** The runs in hand. */
export class Hands {
  readonly #advance: (id: string, hand: Hand) => Promise<void>
  readonly #changed: (id: string) => void
  readonly #held = new Map<string, { readonly done: Promise<void>; readonly stop: AbortController }>()
  #leaving = false
  #open: () => void = () => {}
  readonly #ready = new Promise<void>((resolve) => {
    this.#open = resolve
  })

  constructor(advance: (id: string, hand: Hand) => Promise<void>, changed: (id: string) => void) {
    this.#advance = advance
    this.#changed = changed
  }

  /** Takes the wakes of runs from now on; nothing is advanced before `ready`. */
  work(store: Store): void {
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
    for (const { stop } of this.#held.values()) stop.abort()
    await Promise.allSettled([...this.#held.values()].map(({ done }) => done))
  }

  async #hold(id: string, life: AbortSignal): Promise<void> {
    await this.#ready
    // The wake is used up; that the run has not ended is in its row, and resuming wakes it again.
    if (this.#leaving || life.aborted) return
    const stop = new AbortController()
    const hand: Hand = {
      signal: AbortSignal.any([stop.signal, life]),
      leaving: () => this.#leaving || life.aborted,
    }
    const done = this.#advance(id, hand)
    this.#held.set(id, { done, stop })
    this.#changed(id)
    try {
      await done
    } finally {
      this.#held.delete(id)
      this.#changed(id)
    }
  }
}
