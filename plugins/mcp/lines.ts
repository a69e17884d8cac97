// Serves one client over lines of a stream, as `cloned mcp` does on standard input; it ends when the stream does.
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { eachLine } from 'cloned/connector'
import { Peer, type PeerParts, type Sink } from './peer.js'
import { answerText, CODES, type Incoming, incoming, RpcError } from './rpc.js'

/** The longest message. Tools take inputs of at most 20 MiB. */
export const MAX_MESSAGE_BYTES = 32 * 1024 * 1024
/** Messages of one batch. */
export const MAX_BATCH = 50
/** How long answers are still waited for once the client has ended its side. */
const GRACE_MS = 2_000
/** The one revision that has batches. */
export const BATCHES = '2025-03-26'

/** Resolves when the client has ended its side, or `signal` aborts. Rejects when the streams fail. */
export async function serveLines(
  streams: { readonly input: Readable; readonly output: Writable },
  parts: Omit<PeerParts, 'tell'>,
  signal: AbortSignal,
): Promise<void> {
  const write = lineWriter(streams.output)
  const peer = new Peer({ ...parts, tell: write })
  const sink: Sink = { open: true, send: write }
  const busy = new Set<Promise<void>>()
  const take = (line: string) => {
    const work = answer(peer, line, sink).then((text) => {
      busy.delete(work)
      if (text !== undefined) write(text)
    })
    busy.add(work)
  }
  const stop = () => streams.input.destroy()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await eachLine(streams.input, MAX_MESSAGE_BYTES, (line) => {
      if (line.trim() !== '') take(line)
      // Who does not read the answers is not read from either.
      return streams.output.writableNeedDrain ? drained(streams.output) : undefined
    })
  } finally {
    signal.removeEventListener('abort', stop)
    // Who only closes its side may still read what it has asked for; who is gone need not be waited for long.
    if (!signal.aborted) await Promise.race([Promise.all(busy), sleep(GRACE_MS, undefined, { ref: false })])
    peer.close()
    await Promise.all(busy)
  }
}

async function answer(peer: Peer, line: string, sink: Sink): Promise<string | undefined> {
  try {
    const value: unknown = JSON.parse(line)
    return Array.isArray(value) ? await batch(peer, value, sink) : await peer.take(incoming(value), sink)
  } catch (error) {
    const known = error instanceof RpcError ? error : new RpcError(CODES.parse, 'Parse error: it is not JSON')
    return answerText(null, { error: known })
  }
}

/** The answers to a batch as one text. Throws for whoever may not send any. */
export async function batch(peer: Peer, values: readonly unknown[], sink: Sink): Promise<string | undefined> {
  if (peer.version !== BATCHES) throw new RpcError(CODES.invalidRequest, 'Invalid request: there are no batches')
  if (values.length === 0 || values.length > MAX_BATCH) {
    throw new RpcError(CODES.invalidRequest, `Invalid request: a batch has from 1 to ${MAX_BATCH} messages`)
  }
  const messages: readonly Incoming[] = values.map(incoming)
  const answers = await Promise.all(messages.map((message) => peer.take(message, sink)))
  const texts = answers.filter((text) => text !== undefined)
  return texts.length === 0 ? undefined : `[${texts.join(',')}]`
}

/** Writes lines; those of one moment together. */
function lineWriter(output: Writable): (text: string) => void {
  let waiting = ''
  // A client that has gone hears nothing more; its end is told by its input.
  output.on('error', () => undefined)
  return (text) => {
    if (waiting === '') {
      process.nextTick(() => {
        const lines = waiting
        waiting = ''
        output.write(lines)
      })
    }
    waiting += `${text}\n`
  }
}

function drained(output: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      output.off('drain', done).off('close', done).off('error', done)
      resolve()
    }
    output.on('drain', done).on('close', done).on('error', done)
  })
}
