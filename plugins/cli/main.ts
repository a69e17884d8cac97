// Runs a command line in this process and ends the process with its exit code; only an executable may call it.
import { Readable } from 'node:stream'
import type { Distribution } from 'cloned/kernel'
import { processIo } from './io.js'
import { createPaint } from './paint.js'
import { asClonedError, errorText, stackText } from './report.js'
import { runCli } from './run.js'
import { isDebugged } from './settings.js'

/** Never returns and never rejects: the process exits. `stdin` is what was read of standard input already, all of it. */
export async function main(distribution: Distribution, argv: readonly string[], stdin?: Buffer): Promise<never> {
  const end = (thrown: unknown): never => {
    const error = asClonedError(thrown, argv[0] ?? '', false)
    process.stderr.write(`${errorText(error, createPaint(false))}\n${isDebugged() ? `${stackText(error)}\n` : ''}`)
    process.exit(error.exit)
  }
  // What a plugin throws after its command has ended, or outside of it, would print a stack.
  process.on('uncaughtException', end)
  process.on('unhandledRejection', end)
  try {
    const io = stdin ? { ...processIo(), stdin: Readable.from([stdin]) } : processIo()
    const code = await runCli({ distribution, argv, io, cwd: process.cwd() })
    // All output is written by now. A handle that a plugin left open must not keep a finished command alive.
    process.exit(code)
  } catch (thrown) {
    return end(thrown)
  }
}
