// Serves MCP over HTTP, to clients with sessions and without; requests of other sites' pages, and of nobody known, are refused.
import type { JsonObject } from 'cloned/kernel'
import { actorOf } from './actor.js'
import type { Credential } from './caller.js'
import { aboutClient, LEGACY, MODERN, saysVersion, unsupported } from './eras.js'
import { mustAgree, mustAgreeOnParams } from './headers.js'
import { type HttpRequest, type HttpResponse, header } from './http-types.js'
import { batch, MAX_MESSAGE_BYTES } from './lines.js'
import { MAX_IN_HAND, Peer, type PeerParts } from './peer.js'
import { Reply } from './reply.js'
import { answerText, CODES, type Incoming, incoming, isObject, objectIn, type Request, RpcError } from './rpc.js'
import { type Session, Sessions } from './sessions.js'
import type { View } from './view.js'

/** Whose request it is, and under which names this server is reached. */
export interface HttpCaller extends Credential {
  /** Names that `Host` and `Origin` may have besides those of the loopback, in lower case and without a port. */
  readonly hosts?: readonly string[] | 'checked'
}

export interface HttpParts extends Omit<PeerParts, 'tell' | 'credential'> {
  readonly view: View
  readonly now: () => number
  /** How long a stream stands. */
  readonly standMs: number
}

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '[::1]']
const SESSION = 'mcp-session-id'

export class HttpServer {
  readonly #parts: HttpParts
  readonly #sessions: Sessions
  /** Requests without a session, by credential. */
  readonly #inHand = new Map<string, number>()

  constructor(parts: HttpParts) {
    this.#parts = parts
    this.#sessions = new Sessions(parts, parts.now)
  }

  /** Answers a request. Never rejects for what its client did. */
  async handle(request: HttpRequest, response: HttpResponse, caller: HttpCaller): Promise<void> {
    const reply = new Reply(request, response)
    try {
      mustBeAtHome(request, caller)
      const { method } = request
      if (method === 'POST') await this.#post(request, response, caller)
      else if (method === 'GET') this.#stand(request, reply, this.#session(request, caller))
      else if (method === 'DELETE') {
        this.#sessions.end(this.#session(request, caller))
        reply.end(undefined, 204)
      } else throw new Refused(405, 'Method not allowed')
    } catch (error) {
      const { status, rpc } = this.#refusal(error)
      // What is left of a body that is too large is not read: the connection is of no more use.
      const last = status === 413 ? new Reply(request, response, { connection: 'close' }) : reply
      last.end(answerText(null, { error: rpc }), status)
    }
  }

  stop(): void {
    this.#sessions.stop()
  }

  async #post(request: HttpRequest, response: HttpResponse, caller: HttpCaller): Promise<void> {
    // Pages of other sites may send what is called anything else without asking first.
    if (!/^application\/json\s*(?:;|$)/i.test(header(request, 'content-type') ?? '')) {
      throw new Refused(415, 'The body must be application/json')
    }
    const value = parsed(await bodyOf(request))
    if (header(request, SESSION) !== undefined) {
      return await this.#inSession(value, this.#session(request, caller), new Reply(request, response))
    }
    if (Array.isArray(value)) throw new RpcError(CODES.invalidRequest, 'Invalid request: there are no batches')
    const message = incoming(value)
    const version = header(request, 'mcp-protocol-version')
    if (message.method === 'initialize' && !saysVersion(message.params) && version !== MODERN) {
      const session = this.#sessions.open(caller)
      const reply = new Reply(request, response, { [SESSION]: session.id })
      return await this.#inSession(value, session, reply)
    }
    if (!saysVersion(message.params) && (version === undefined || LEGACY.includes(version))) {
      throw new Refused(400, 'Bad request: it names no session')
    }
    await this.#alone(request, response, caller, message)
  }

  async #inSession(value: unknown, session: Session, reply: Reply): Promise<void> {
    session.streams.add(reply)
    try {
      let text: string | undefined
      if (Array.isArray(value)) text = await batch(session.peer, value, reply)
      else {
        const message = incoming(value)
        // Who waits longer than proxies do needs a stream, and nobody knows beforehand who will.
        if (message.method !== undefined && message.id !== undefined) reply.stream()
        text = await session.peer.take(message, reply)
      }
      reply.end(text, text === undefined ? 202 : 200)
    } finally {
      session.streams.delete(reply)
    }
  }

  /** A request that says itself whatever there is to know of its client. */
  async #alone(request: HttpRequest, response: HttpResponse, caller: HttpCaller, message: Incoming): Promise<void> {
    const reply = new Reply(request, response)
    const { id, method } = message
    // Nobody waits here for an answer of a client, nor for news of its requests.
    if (method === undefined || id === undefined) return reply.end(undefined, 202)
    try {
      this.#mustBeWhole(request, caller, message as Request)
    } catch (error) {
      const { rpc } = this.#refusal(error)
      return reply.end(answerText(id, { error: rpc }), 400)
    }
    const inHand = this.#inHand.get(caller.key) ?? 0
    if (inHand >= MAX_IN_HAND) {
      const error = new RpcError(CODES.internal, 'Too many requests at once')
      return reply.end(answerText(id, { error }), 429)
    }
    const gone = new AbortController()
    response.on('close', () => gone.abort(new Error('the client is gone')))
    let status = 200
    const wordError = (error: unknown, modern: boolean) => {
      const worded = this.#parts.wordError(error, modern)
      status = STATUS[worded.code] ?? 200
      return worded
    }
    const peer = new Peer({ ...this.#parts, credential: caller, tell: () => {}, wordError })
    const over =
      method === 'subscriptions/listen' ? setTimeout(() => gone.abort(), this.#parts.standMs).unref() : undefined
    this.#inHand.set(caller.key, inHand + 1)
    const text = await peer.take(message, reply, gone.signal)
    const left = (this.#inHand.get(caller.key) ?? 1) - 1
    if (left > 0) this.#inHand.set(caller.key, left)
    else this.#inHand.delete(caller.key)
    clearTimeout(over)
    reply.end(text, text === undefined ? 202 : status)
  }

  #mustBeWhole(request: HttpRequest, caller: HttpCaller, message: Request): void {
    mustAgree(request, message)
    const version = header(request, 'mcp-protocol-version')
    if (version !== undefined && version !== MODERN) throw unsupported(version)
    const client = aboutClient(message.params)
    const { name } = message.params
    if (message.method !== 'tools/call' || typeof name !== 'string') return
    const tool = this.#parts.view.find(name, actorOf({ credential: caller, client }))
    const schema = tool?.original?.['inputSchema'] ?? tool?.entry['inputSchema']
    mustAgreeOnParams(request, schema, objectIn(message.params, 'arguments'))
  }

  #session(request: HttpRequest, caller: HttpCaller): Session {
    const id = header(request, SESSION)
    if (id === undefined) throw new Refused(request.method === 'GET' ? 405 : 400, 'Bad request: it names no session')
    const session = this.#sessions.find(id, caller)
    if (!session) throw new Refused(404, 'There is no such session')
    const version = header(request, 'mcp-protocol-version')
    if (version !== undefined && !LEGACY.includes(version))
      throw new Refused(400, 'Bad request: its version has no sessions')
    return session
  }

  #stand(request: HttpRequest, reply: Reply, session: Session): void {
    if (!(header(request, 'accept') ?? '').includes('text/event-stream')) {
      throw new Refused(406, 'The answer is text/event-stream')
    }
    if (session.standing?.open) throw new Refused(409, 'The session has its stream already')
    session.standing = reply
    reply.stand(this.#parts.standMs)
  }

  #refusal(error: unknown): { status: number; rpc: RpcError } {
    if (error instanceof Refused)
      return { status: error.status, rpc: new RpcError(CODES.invalidRequest, error.message) }
    const rpc = this.#parts.wordError(error, true)
    return { status: rpc.code === CODES.internal ? 500 : 400, rpc }
  }
}

/** What an error of one request is as a status; whatever is not here was a request like others. */
const STATUS: Readonly<Record<number, number>> = {
  [CODES.methodNotFound]: 404,
  [CODES.missingCapability]: 400,
  [CODES.unsupportedVersion]: 400,
  [CODES.headerMismatch]: 400,
  [CODES.internal]: 500,
}

class Refused extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** A page of another site may reach the loopback by a name of its own; its browser then says so. */
function mustBeAtHome(request: HttpRequest, { hosts = [] }: HttpCaller): void {
  if (hosts === 'checked') return
  const home = [...LOOPBACK, ...hosts]
  const host = header(request, 'host')?.toLowerCase().replace(/:\d+$/, '')
  if (host === undefined || !home.includes(host)) throw new Refused(403, 'Forbidden: this server has another name')
  const origin = header(request, 'origin')
  if (origin === undefined) return
  const name = URL.canParse(origin) ? new URL(origin).hostname : undefined
  if (name === undefined || !home.includes(name))
    throw new Refused(403, 'Forbidden: the request comes from another site')
}

async function bodyOf(request: HttpRequest): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.byteLength
    if (length > MAX_MESSAGE_BYTES) throw new Refused(413, 'The body is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parsed(text: string): JsonObject | unknown[] {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value) || Array.isArray(value)) return value as JsonObject
  } catch {
    throw new RpcError(CODES.parse, 'Parse error: it is not JSON')
  }
  throw new RpcError(CODES.invalidRequest, 'Invalid request: it is not a message of JSON-RPC 2.0')
}
