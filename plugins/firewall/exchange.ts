// Carries one request and its response over a connection; must never hold more of the response than was asked for.
import type { IncomingHttpHeaders } from 'node:http'
import { ClonedError, describeThrown, isClonedError } from 'cloned/kernel'
import type { Dispatcher } from 'undici'
import type { FetchInit } from './slot.js'

/** What came back, not yet decoded. */
export interface Received {
  readonly status: number
  /** By lower-case name; one that came more than once is a list, so that nobody takes the first for the only one. */
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** The handler of one request; `received` settles exactly once. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly received: Promise<Received>
  readonly #host: string
  readonly #maxBytes: number
  readonly #onData: FetchInit['onData']
  readonly #chunks: Buffer[] = []
  #settle: { resolve(received: Received): void; reject(error: Error): void } | undefined
  #controller: Dispatcher.DispatchController | undefined
  #ended: Error | undefined
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #size = 0

  constructor({ host, maxBytes, onData }: { host: string; maxBytes: number; onData?: FetchInit['onData'] }) {
    this.#host = host
    this.#maxBytes = maxBytes
    this.#onData = onData
    this.received = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
  }

  /** Ends it with this error, and its connection with it. */
  abort(error: Error): void {
    if (this.#ended) return
    this.#ended = error
    this.#settle?.reject(error)
    this.#controller?.abort(error)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // It waited for a connection until after it was given up.
    if (this.#ended) controller.abort(this.#ended)
  }

  onRequestUpgrade(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.abort(this.#refused('it changes the protocol'))
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#status = status
    this.#headers = headers
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size > this.#maxBytes) {
      this.abort(this.#refused(`it is larger than ${this.#maxBytes} bytes`))
      return
    }
    this.#chunks.push(chunk)
    if (!this.#onData || this.#headers['content-encoding'] !== undefined) return
    try {
      this.#onData(chunk, { status: this.#status, type: this.#headers['content-type'] ?? '' })
    } catch (error) {
      this.abort(this.#refused(describeThrown(error)))
    }
  }

  onResponseEnd(): void {
    const [first] = this.#chunks
    const body = first && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)
    this.#settle?.resolve({ status: this.#status, headers: this.#headers, body })
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    const cause = (error as NodeJS.ErrnoException).code ?? describeThrown(error)
    this.abort(
      isClonedError(error) ? error : new ClonedError('EGRESS_FAILED', { host: this.#host, cause }, { cause: error }),
    )
  }

  #refused(problem: string): ClonedError {
    return new ClonedError('EGRESS_RESPONSE', { host: this.#host, problem })
  }
}
