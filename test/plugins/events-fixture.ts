// Listens to a stream of events as a client would, over a real connection.
import { type IncomingHttpHeaders, request } from 'node:http'
import type { ApiWorld } from './api-fixture.js'

/** An event with the id of its message. */
export interface Streamed {
  readonly id: string
  readonly type: string
  readonly subject?: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface EventStream {
  readonly headers: IncomingHttpHeaders
  /** Lines that only show that somebody is there. */
  comments(): number
  /** The next event. Rejects when the stream ends before. */
  next(): Promise<Streamed>
  close(): void
}

export function openStream(
  { address, token }: Pick<ApiWorld, 'address' | 'token'>,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventStream> {
  return new Promise((resolve, reject) => {
    const asking = request(
      new URL(path, address),
      { agent: false, headers: { accept: 'text/event-stream', authorization: `Bearer ${token}`, ...headers } },
      (response) => {
        const found: Streamed[] = []
        let text = ''
        let comments = 0
        let over = false
        let wake = (): void => {}
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
          const blocks = text.split('\n\n')
          text = blocks.pop() ?? ''
          for (const block of blocks) {
            const data = /^data: (.*)$/m.exec(block)?.[1]
            if (data === undefined) comments++
            else found.push(JSON.parse(data) as Streamed)
          }
          wake()
        })
        const end = () => {
          over = true
          wake()
        }
        response.on('end', end).on('error', end)
        resolve({
          headers: response.headers,
          comments: () => comments,
          close: () => void asking.destroy(),
          async next() {
            for (;;) {
              const event = found.shift()
              if (event) return event
              if (over) throw new Error('the stream has ended')
              await new Promise<void>((awake) => {
                wake = awake
              })
            }
          },
        })
      },
    )
    asking.on('error', reject)
    asking.end()
  })
}
