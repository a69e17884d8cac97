// Answers one HTTP request, with one document or as a stream once something has to be said before it; never both.
import type { HttpRequest, HttpResponse } from './http-types.js'
import { header } from './http-types.js'
import type { Sink } from './peer.js'

/** So that nobody between takes a quiet stream for a dead one. */
const KEEP_ALIVE_MS = 15_000
/** What may wait for a client that gets more. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024

export class Reply implements Sink {
  readonly #response: HttpResponse
  readonly #headers: Readonly<Record<string, string>>
  readonly #streams: boolean
  #alive: NodeJS.Timeout | undefined
  #life: NodeJS.Timeout | undefined
  #closed = false

  constructor(request: HttpRequest, response: HttpResponse, headers: Readonly<Record<string, string>> = {}) {
    this.#response = response
    this.#headers = headers
    this.#streams = (header(request, 'accept') ?? '').includes('text/event-stream')
    response.on('close', () => {
      this.#closed = true
      clearInterval(this.#alive)
      clearTimeout(this.#life)
    })
  }

  get open(): boolean {
    return this.#streams && !this.#closed && !this.#response.writableEnded
  }

  /** Answers as a stream, where the client takes one, whatever comes. */
  stream(): void {
    if (!this.open || this.#response.headersSent) return
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      ...this.#headers,
    })
    this.#alive = setInterval(() => this.#write(':\n\n'), KEEP_ALIVE_MS)
    this.#alive.unref()
  }

  send(text: string): void {
    if (!this.open) return
    this.stream()
    this.#write(`event: message\ndata: ${text}\n\n`)
  }

  /** Shows the client that the stream is there, before anything is said, and ends it after so long. */
  stand(lifeMs: number): void {
    this.stream()
    this.#write(':\n\n')
    this.#life = setTimeout(() => this.end(undefined, 200), lifeMs).unref()
  }

  /** The answer, or nothing where there is none. */
  end(text: string | undefined, status: number): void {
    clearInterval(this.#alive)
    clearTimeout(this.#life)
    if (this.#closed || this.#response.writableEnded) return
    if (this.#response.headersSent) {
      this.#response.end(text === undefined ? text : `event: message\ndata: ${text}\n\n`)
    } else if (text === undefined) {
      this.#response.writeHead(status, { ...this.#headers })
      this.#response.end()
    } else {
      this.#response.writeHead(status, {
        'content-type': 'application/json',
        'cache-control': 'no-store',
        ...this.#headers,
      })
      this.#response.end(text)
    }
  }

  /** Who does not take what was said hears no more. */
  #write(text: string): void {
    if (this.#response.writableLength > MAX_WAITING_BYTES) this.#response.destroy()
    else this.#response.write(text)
  }
}
