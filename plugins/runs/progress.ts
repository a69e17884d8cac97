// Tells listeners of this process that a run has changed; it carries no state and may tell too often.

/** Hears of the changes of one run. */
export interface Watch {
  /** Resolves at the next change since the last call, or after `ms`: `false` when the time ran out. */
  next(ms: number | undefined): Promise<boolean>
  close(): void
}

interface Listener {
  dirty: boolean
  wake: (() => void) | undefined
}

/** Changes of runs inside this process. */
export class Progress {
  readonly #listeners = new Map<string, Set<Listener>>()

  changed(id: string): void {
    for (const listener of this.#listeners.get(id) ?? []) {
      listener.dirty = true
      listener.wake?.()
    }
  }

  watch(id: string): Watch {
    const listener: Listener = { dirty: false, wake: undefined }
    const all = this.#listeners.get(id) ?? new Set()
    this.#listeners.set(id, all.add(listener))
    return {
      async next(ms) {
        const heard = listener.dirty || (await wait(listener, ms))
        listener.dirty = false
        return heard
      },
      close: () => {
        all.delete(listener)
        if (all.size === 0) this.#listeners.delete(id)
      },
    }
  }
}

function wait(listener: Listener, ms: number | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = ms === undefined ? undefined : setTimeout(() => end(false), ms)
    const end = (heard: boolean) => {
      clearTimeout(timer)
      listener.wake = undefined
      resolve(heard)
    }
    listener.wake = () => end(true)
  })
}
