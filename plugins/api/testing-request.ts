// Asks an API as a client does, one connection for each request; must add nothing that it was not told to send.
import { type IncomingHttpHeaders, request as send } from 'node:http'
import type { Json } from 'cloned/kernel'

/** What came back. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The JSON of the text; `{}` where it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: suites look into answers of every shape
  readonly body: any
}

export interface Ask {
  /** Sent as JSON. */
  readonly body?: Json
}

/** `address` as `Listening` has it. */
export function request(
  address: string,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  { body }: Ask = {},
): Promise<Answer> {
  const text = body === undefined ? undefined : JSON.stringify(body)
  const length = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': text.length }
  const target = address.startsWith('unix:')
    ? { socketPath: address.slice('unix:'.length) }
    : { host: new URL(address).hostname, port: new URL(address).port }
  return new Promise((resolve, reject) => {
    const asked = send({ ...target, method, path, agent: false, headers: { ...length, ...headers } }, (answer) => {
      const pieces: Buffer[] = []
      answer.on('data', (piece: Buffer) => pieces.push(piece)).on('error', reject)
      answer.on('end', () => {
        const said = Buffer.concat(pieces).toString()
        const isJson = /json/.test(String(answer.headers['content-type'])) && said !== ''
        const { statusCode = 0 } = answer
        resolve({ status: statusCode, headers: answer.headers, text: said, body: isJson ? JSON.parse(said) : {} })
      })
    })
    asked.on('error', reject)
    asked.end(text)
  })
}
