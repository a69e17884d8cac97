// Tells listeners of this process that a run has changed; it carries no state and may tell too often.

/** Hears of the changes of one run. */
export interface Watch {
  /**
   * Resolves at the next move of the run since the last call (into a hand, out of one, to another state), or after `ms`:
   * `false` when the time ran out. With `each`, also `each` milliseconds after any other change.
   */
  next(ms: number | undefined, each?: number): Promise<boolean>
  close(): void
}

interface Listener {
  moved: boolean
  changed: boolean
  wake: ((moved: boolean) => void) | undefined
}

/** Changes of runs inside this process. */
export class Progress {
  readonly #listeners = new Map<string, Set<Listener>>()

  /** Something about a run has changed. */
  changed(id: string): void {
    for (const listener of this.#listeners.get(id) ?? []) {
      listener.changed = true
      listener.wake?.(false)
    }
  }

  /** A run has come into a hand, has left one, or was changed by somebody who does not hold it. */
  moved(id: string): void {
    for (const listener of this.#listeners.get(id) ?? []) {
      listener.moved = true
      listener.wake?.(true)
    }
  }

  /** Every wait ends when `signal` aborts. */
  watch(id: string, signal?: AbortSignal): Watch {
    const listener: Listener = { moved: false, changed: false, wake: undefined }
    const all = this.#listeners.get(id) ?? new Set()
    this.#listeners.set(id, all.add(listener))
    return {
      async next(ms, each) {
        const heard = listener.moved || signal?.aborted || (await wait(listener, ms, each, signal))
        listener.moved = false
        listener.changed = false
        return heard
      },
      close: () => {
        all.delete(listener)
        if (all.size === 0) this.#listeners.delete(id)
      },
    }
  }
}

function wait(
  listener: Listener,
  ms: number | undefined,
  each: number | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return new Promise((resolve) => {
    const timers = [ms === undefined ? undefined : setTimeout(() => end(false), ms)]
    const end = (heard: boolean) => {
      for (const timer of timers) clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      listener.wake = undefined
      resolve(heard)
    }
    const stop = () => end(true)
    const soon = () => {
      if (each !== undefined && timers.length === 1) timers.push(setTimeout(() => end(true), each))
    }
    listener.wake = (moved) => (moved ? end(true) : soon())
    signal?.addEventListener('abort', stop, { once: true })
    if (listener.changed) soon()
  })
}
