// Receives webhooks of a workspace over HTTP; hands every event on once, and nothing that was not verified.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { verifiedId } from './verify.js'

/** More than any event is. */
const MAX_BODY = 64 * 1024
/** Ids that are remembered. A message is tried for three days, so a database is the better place. */
const REMEMBERED = 100_000

/** The CloudEvents envelope that is the body. */
export interface Event {
  readonly type: string
  readonly subject?: string
  readonly data?: unknown
}

export interface ReceiverOptions {
  /** `whpk_…` and `whsec_…`; several while one takes the place of another. */
  readonly keys: readonly string[]
  /** Does something with the event. Where it throws, the message comes again. */
  readonly onEvent: (event: Event, id: string) => void | Promise<void>
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** Answers 204 for a message that is done or was done before, 401 for one that is not from the workspace. */
export function receiver({ keys, onEvent, now = Date.now }: ReceiverOptions): Server {
  const done = new Map<string, Promise<void>>()

  /** What is done for an id is done once, also when the message comes again before that has ended. */
  async function once(id: string, event: Event): Promise<void> {
    const before = done.get(id)
    if (before) return before
    const work = (async () => onEvent(event, id))()
    done.set(id, work)
    const [oldest] = done.keys()
    if (done.size > REMEMBERED && oldest !== undefined) done.delete(oldest)
    try {
      await work
    } catch (error) {
      done.delete(id)
      throw error
    }
  }

  async function answer(request: IncomingMessage): Promise<number> {
    if (request.method !== 'POST') return 405
    const body = await read(request)
    if (!body) return 413
    const id = verifiedId(request.headers, body, keys, now())
    if (id === undefined) return 401
    await once(id, JSON.parse(body.toString()))
    return 204
  }

  const server = createServer(async (request, response) => {
    try {
      response.statusCode = await answer(request)
    } catch {
      // Not taken: it comes again, and what kept it is for the log of whoever does something with it.
      response.statusCode = 500
    }
    response.end()
  })
  server.requestTimeout = 10_000
  return server
}

/** The bytes as they came; `undefined` for more than an event can be. */
async function read(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > MAX_BODY) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
