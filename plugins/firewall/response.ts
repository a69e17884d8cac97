// Presents a received response in the shape of the Fetch standard; decides nothing.
import type { IncomingHttpHeaders } from 'node:http'
import type { FetchResponse } from './slot.js'

export class ReceivedResponse implements FetchResponse {
  readonly status: number
  readonly url: string
  readonly redirected: boolean
  readonly #raw: IncomingHttpHeaders
  readonly #body: Buffer
  #headers: Headers | undefined

  constructor(about: { status: number; url: string; redirected: boolean; headers: IncomingHttpHeaders; body: Buffer }) {
    this.status = about.status
    this.url = about.url
    this.redirected = about.redirected
    this.#raw = about.headers
    this.#body = about.body
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299
  }

  /** Made when it is first read: most callers want the body alone. */
  get headers(): Headers {
    if (!this.#headers) {
      this.#headers = new Headers()
      for (const [name, values] of Object.entries(this.#raw)) {
        for (const value of [values ?? []].flat()) this.#headers.append(name, value)
      }
    }
    return this.#headers
  }

  bytes(): Uint8Array {
    return this.#body
  }

  text(): string {
    return this.#body.toString('utf8')
  }

  json(): unknown {
    return JSON.parse(this.text())
  }
}
