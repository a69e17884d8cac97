// Shows one line of progress on a terminal once something takes longer than a second; elsewhere it stays silent.
import { printable } from './printable.js'

const PATIENCE_MS = 1_000
const ERASE_LINE = '\r\x1b[2K'

export class Progress {
  readonly #write: ((text: string) => void) | undefined
  readonly #columns: number
  #timer: NodeJS.Timeout | undefined
  #text = ''
  #due = false
  #shown = false
  #paused = false

  /** Without `write` nothing is ever shown. */
  constructor(write: ((text: string) => void) | undefined, columns: number) {
    this.#write = write
    this.#columns = columns
  }

  /** Something is under way: `text` is shown when it still is after a second, and replaced by later ones. */
  update(text: string): void {
    if (!this.#write) return
    // A line that wraps could not be erased.
    this.#text = printable(text).slice(0, Math.max(1, this.#columns - 1))
    if (this.#due) this.#show()
    this.#timer ??= setTimeout(() => {
      this.#due = true
      this.#show()
    }, PATIENCE_MS)
    // A line that waits to be shown must not keep a finished process alive.
    this.#timer.unref()
  }

  /** Takes the line off the screen; the next update brings it back. */
  clear(): void {
    if (!this.#shown) return
    this.#shown = false
    this.#write?.(ERASE_LINE)
  }

  /** Runs while a person is asked something, with no line in the way. */
  async pause<T>(ask: () => Promise<T>): Promise<T> {
    this.clear()
    this.#paused = true
    try {
      return await ask()
    } finally {
      this.#paused = false
    }
  }

  stop(): void {
    this.clear()
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#due = false
  }

  #show(): void {
    if (this.#paused) return
    this.#write?.(`${ERASE_LINE}${this.#text}`)
    this.#shown = true
  }
}
