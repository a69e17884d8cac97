// Turns Ctrl-C into an abort, and a second one into the end; the first must leave the command time to leave cleanly.
import type { CliIo } from './io.js'

/** Exit code of a process that a person stopped: 128 and the number of SIGINT. */
const INTERRUPTED_EXIT = 130

export interface Interrupts {
  /** Aborts on the first Ctrl-C. */
  readonly signal: AbortSignal
  /** Resolves on the second one. */
  readonly forced: Promise<typeof INTERRUPTED_EXIT>
  stop(): void
}

export function watchInterrupts(io: CliIo, tell: (text: string) => void): Interrupts {
  const controller = new AbortController()
  let stop = () => {}
  const forced = new Promise<typeof INTERRUPTED_EXIT>((resolve) => {
    stop = io.onInterrupt(() => {
      if (controller.signal.aborted) return resolve(INTERRUPTED_EXIT)
      controller.abort()
      tell('Stopping. Ctrl-C again ends at once.')
    })
  })
  return { signal: controller.signal, forced, stop: () => stop() }
}
