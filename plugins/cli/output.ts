// Writes to the two output streams of a command line; a reader that has gone away is no error, anything else is.
import { setImmediate } from 'node:timers/promises'
import { ClonedError, describeThrown } from 'cloned/kernel'
import type { CliIo } from './io.js'
import { Progress } from './progress.js'

/** Where a command's texts go. Standard output carries what was asked for and nothing else. */
export interface Output {
  /** Text on standard output. */
  result(text: string): void
  /** A line on standard error, silenced by `--quiet`. */
  note(text: string): void
  /** Lines on standard error that `--quiet` does not silence: errors, and what a person is asked. */
  tell(text: string): void
  readonly progress: Progress
  /** From now on every text passes this function on its way out. */
  scrubWith(scrub: (text: string) => string): void
  /** Resolves when everything has been handed to the system. Throws `COMMAND_OUTPUT`. */
  flush(): Promise<void>
}

/** `dumb`: the terminal obeys no escape codes, so it gets no progress. */
export function createOutput(
  io: CliIo,
  { quiet, json, dumb }: { readonly quiet: boolean; readonly json: boolean; readonly dumb: boolean },
): Output {
  const failures: Error[] = []
  let scrub = (text: string) => text
  // `cloned … | head` closes the pipe early: the command has done its work, so it ends quietly.
  const failed = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') failures.push(error)
  }
  const streams = [io.stdout, io.stderr]
  for (const stream of streams) stream.on('error', failed)
  const shows = io.stderr.isTTY === true && !quiet && !json && !dumb
  const progress = new Progress(shows ? (text) => io.stderr.write(text) : undefined, io.stderr.columns || 80)
  const line = (stream: CliIo['stdout'], text: string) => {
    const clean = scrub(text)
    progress.clear()
    stream.write(clean.endsWith('\n') ? clean : `${clean}\n`)
  }
  return {
    result: (text) => line(io.stdout, text),
    note: (text) => {
      if (!quiet) line(io.stderr, text)
    },
    tell: (text) => line(io.stderr, text),
    progress,
    scrubWith(clean) {
      scrub = clean
    },
    async flush() {
      progress.stop()
      await Promise.all(streams.map(drained))
      // A stream reports a failed write to its callback first, and as an event in a later turn.
      await setImmediate()
      for (const stream of streams) stream.off('error', failed)
      const [cause] = failures
      if (cause) throw new ClonedError('COMMAND_OUTPUT', { cause: describeThrown(cause) }, { cause })
    },
  }
}

/** A write of nothing calls back once all earlier writes have: a process may exit only after that. */
function drained(stream: CliIo['stdout']): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return Promise.resolve()
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}
