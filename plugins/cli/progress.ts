// Shows a few lines of progress on a terminal once something takes longer than a second; elsewhere it stays silent.
import { printable } from './printable.js'

const PATIENCE_MS = 1_000
const ERASE_LINE = '\r\x1b[2K'
const MAX_LINES = 20

export class Progress {
  readonly #write: ((text: string) => void) | undefined
  readonly #columns: number
  #timer: NodeJS.Timeout | undefined
  #text = ''
  #due = false
  #shown = 0
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
    const lines = printable(text, { lines: true }).split('\n')
    this.#text = lines
      .slice(-MAX_LINES)
      .map((line) => line.slice(0, Math.max(1, this.#columns - 1)))
      .join('\n')
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
    if (this.#shown === 0) return
    this.#write?.(eraseLines(this.#shown))
    this.#shown = 0
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
    this.#write?.(`${eraseLines(this.#shown)}${this.#text}`)
    this.#shown = this.#text.split('\n').length
  }
}

/** Takes lines off the screen, the cursor on the last of them. */
function eraseLines(count: number): string {
  return `${ERASE_LINE}\x1b[1A`.repeat(Math.max(0, count - 1)) + ERASE_LINE
}
