// Reads the event feed and goes on where it was cut off; hands every event out once and keeps none.
import { ServerError } from './bearer.js'

/** What is asked of the feed. */
export interface EventFilter {
  /** Beginnings of types: `approval.`, `run.`; all without. */
  readonly types?: readonly string[]
  /** Id of the last event that was seen; from now on without. */
  readonly after?: string
  readonly signal?: AbortSignal
  /** Milliseconds until the first reconnection; doubles up to 30 s. Default: 500. */
  readonly retryMs?: number
}

/** A CloudEvents 1.0 envelope. */
export interface FeedEvent {
  readonly specversion: string
  readonly id: string
  readonly type: string
  readonly source: string
  readonly time?: string
  readonly subject?: string
  readonly data?: unknown
}

const LONGEST_MS = 30_000
/** An event that is longer is not one of this server's. */
const MAX_EVENT = 4 * 1024 * 1024

export async function* events(
  base: string,
  send: typeof fetch,
  filter: EventFilter,
): AsyncGenerator<FeedEvent, void, void> {
  const { types = [], signal, retryMs = 500 } = filter
  const query = types.map((type) => `type=${encodeURIComponent(type)}`).join('&')
  let last = filter.after
  let wait = retryMs
  while (!signal?.aborted) {
    try {
      const response = await send(`${base}/events${query === '' ? '' : `?${query}`}`, {
        headers: { accept: 'text/event-stream', ...(last === undefined ? {} : { 'last-event-id': last }) },
        ...(signal ? { signal } : {}),
      })
      if (!response.ok || !response.body) throw new FeedError(response.status, await response.text())
      for await (const { id, data } of messages(response.body)) {
        wait = retryMs
        if (id !== undefined) last = id
        yield JSON.parse(data) as FeedEvent
      }
    } catch (error) {
      if (signal?.aborted) return
      // Asking again does not change a refusal; a server that is away or busy comes back.
      if (error instanceof FeedError && error.status < 500 && error.status !== 429) throw error
      if (error instanceof SyntaxError || error instanceof ServerError) throw error
    }
    await pause(wait, signal)
    wait = Math.min(LONGEST_MS, wait * 2)
  }
}

/** The server refused the feed. */
export class FeedError extends Error {
  override readonly name = 'FeedError'
  readonly status: number

  constructor(status: number, body: string) {
    super(`the event feed was refused with ${status}: ${body.slice(0, 1000)}`)
    this.status = status
  }
}

/** Messages of a `text/event-stream`; comments and messages without data are left out. */
async function* messages(body: ReadableStream<Uint8Array>): AsyncGenerator<{ id: string | undefined; data: string }> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      text += decoder.decode(value, { stream: true }).replace(/\r\n?/g, '\n')
      if (text.length > MAX_EVENT) throw new FeedError(0, 'an event is longer than 4 MiB')
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const found = message(text.slice(0, end))
        text = text.slice(end + 2)
        if (found) yield found
      }
    }
  } finally {
    await reader.cancel()
  }
}

function message(block: string): { id: string | undefined; data: string } | undefined {
  const data: string[] = []
  let id: string | undefined
  for (const line of block.split('\n')) {
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
    if (field === 'data') data.push(value)
    if (field === 'id') id = value
  }
  return data.length > 0 ? { id, data: data.join('\n') } : undefined
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    function done() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    signal?.addEventListener('abort', done)
    if (signal?.aborted) done()
  })
}
