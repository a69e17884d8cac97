// Describes what a command line talks to; a test or an embedding host passes its own, and nothing else reads the process.
import type { Readable, Writable } from 'node:stream'

/** The streams and signals of one run of the command line. */
export interface CliIo {
  readonly stdin: Readable & { readonly isTTY?: boolean | undefined }
  readonly stdout: Writable & { readonly isTTY?: boolean | undefined; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean | undefined; readonly columns?: number }
  /** Calls `handler` on every Ctrl-C until the returned function is called. */
  onInterrupt(handler: () => void): () => void
}

/** The streams and signals of this process. */
export function processIo(): CliIo {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onInterrupt(handler) {
      process.on('SIGINT', handler)
      process.on('SIGTERM', handler)
      return () => {
        process.off('SIGINT', handler)
        process.off('SIGTERM', handler)
      }
    },
  }
}

/** The most that a command reads as input. */
export const MAX_STDIN_BYTES = 16 * 1024 * 1024

/** Reads standard input to its end; throws when it is larger than 16 MiB or not UTF-8. */
export async function readAll(input: Readable, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  const { addAbortSignal } = await import('node:stream')
  for await (const chunk of addAbortSignal(signal, input)) {
    const bytes = Buffer.from(chunk as Uint8Array | string)
    size += bytes.byteLength
    if (size > MAX_STDIN_BYTES) throw new Error(`it is larger than ${MAX_STDIN_BYTES} bytes`)
    chunks.push(bytes)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
}
