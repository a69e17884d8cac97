// Keeps the process up for runs that it set in motion, for a while; it must never wait for ever.

// Less than the kernel gives a plugin to drain: what is in hand then still has time to stop.
const PATIENCE_MS = 20_000

/** The runs that this process started or woke and that have neither ended nor come to a wait. */
export class Pursuits {
  readonly #follow: (id: string) => Promise<unknown>
  readonly #failed: (id: string, error: unknown) => void
  readonly #open = new Map<Promise<void>, string>()
  #over = false

  constructor(follow: (id: string) => Promise<unknown>, failed: (id: string, error: unknown) => void) {
    this.#follow = follow
    this.#failed = failed
  }

  /** Follows a run, after `first` has been done. */
  add(id: string, first: () => Promise<void> = async () => {}): void {
    const pursuit = first()
      .then(() => this.#follow(id))
      .then(
        () => {},
        (error: unknown) => {
          // What was given up fails as soon as the store closes, and has been reported as left over.
          if (!this.#over) this.#failed(id, error)
        },
      )
      .finally(() => this.#open.delete(pursuit))
    this.#open.set(pursuit, id)
  }

  /** Resolves when there are none, or when patience ends; answers the runs that are left over. */
  async settled(patienceMs = PATIENCE_MS): Promise<readonly string[]> {
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs)
    })
    await Promise.race([this.#all(), patience])
    clearTimeout(timer)
    this.#over = true
    return [...new Set(this.#open.values())]
  }

  /** Those that are added meanwhile, too: a decision is heard of after the command that made it. */
  async #all(): Promise<void> {
    while (this.#open.size > 0 && !this.#over) await Promise.all(this.#open.keys())
  }
}
