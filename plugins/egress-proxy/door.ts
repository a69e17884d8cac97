// Listens for one connector and takes what comes to be judged; who reaches the listener is that connector and nobody else.
import { setMaxListeners } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Server as NetServer, Socket } from 'node:net'
import { ClonedError, describeThrown, type Logger } from 'cloned/kernel'
import type { Firewall } from '../firewall/slot.js'
import { refuse, serveConnect } from './connect.js'
import type { Governed, Whose } from './governed.js'
import { refusePlain, servePlain } from './plain.js'
import { Rate } from './rate.js'
import type { Records } from './records.js'
import { refusalOf } from './refusal.js'

/** How much one door carries. */
export interface DoorLimits {
  /** Tunnels and requests at once. */
  readonly connections: number
  /** Tunnels and requests in a minute, refused ones included: each is in the audit log. */
  readonly perMinute: number
  /** Milliseconds without a byte until a tunnel is closed. */
  readonly idleMs: number
}

export interface DoorParts {
  readonly whose: Whose
  readonly governed: Governed
  readonly firewall: Pick<Firewall, 'read'>
  readonly records: Records
  readonly limits: DoorLimits
  readonly log: Pick<Logger, 'error'>
  readonly now: () => number
  /** Aborts when the door closes. */
  readonly signal: AbortSignal
}

/** Requests are held in memory whole, their answers too; tunnels are not. */
const MAX_PLAIN = 32
const MAX_HEAD_BYTES = 16 * 1024
const CHUNK_BYTES = 128 * 1024
const HEAD_MS = 10_000
const REQUEST_MS = 30_000
const CHECK_EVERY_MS = 1_000

export class Door {
  readonly #parts: DoorParts
  readonly #closing = new AbortController()
  readonly #servers: NetServer[] = []
  readonly #sockets = new Set<Socket>()
  readonly #serving = new Set<Promise<void>>()
  readonly #rate: Rate
  #plain = 0
  /** Connections that have carried a request: each carries one, so that no answer gets among the bytes of another. */
  readonly #used = new WeakSet<Socket>()

  constructor(parts: Omit<DoorParts, 'signal'>) {
    // Everything that is being decided listens to it.
    setMaxListeners(0, this.#closing.signal)
    this.#parts = { ...parts, signal: this.#closing.signal }
    this.#rate = new Rate(parts.limits.perMinute, parts.now)
  }

  /** Another listener; the caller makes it listen. */
  listener(): Server {
    const server = createServer({
      insecureHTTPParser: false,
      requireHostHeader: true,
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: HEAD_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      noDelay: true,
      // With the 16 KB of Node a tunnel that carries much stops after each chunk (measured).
      highWaterMark: CHUNK_BYTES,
    })
    // Above a limit Node drops headers without a word: the size of the head bounds them, and its reader counts them.
    server.maxHeadersCount = 0
    // Room for those that get a refusal; beyond it a connection is closed unanswered.
    server.maxConnections = 2 * this.#parts.limits.connections
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      // A connection without a listener for its errors ends the process; each error is followed by `close`.
      socket.on('error', () => undefined)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    server.on('connect', (request, socket, head) => this.#onConnect(request, socket as Socket, head))
    server.on('request', (request, response) => this.#onRequest(request, response))
    server.on('upgrade', (_, socket) => this.#refuse(socket as Socket, 'it asks for another protocol'))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const { code = '' } = error
      // The rest are clients that went away.
      if (/^(?:HPE_|ERR_HTTP_)/.test(code)) this.#refuse(socket as Socket, `it cannot be read (${code})`)
      else socket.destroy()
    })
    this.#servers.push(server)
    return server
  }

  /** Serves the connections of a server that listens already. */
  take(listening: NetServer): void {
    const server = this.listener()
    // Its time limits begin to count with this event; it does not listen itself.
    server.emit('listening')
    listening.maxConnections = server.maxConnections
    listening.on('connection', (socket: Socket) => server.emit('connection', socket.setNoDelay(true)))
    this.#servers.push(listening)
  }

  /** Ends everything; resolves when it is recorded. Legal twice. */
  async close(): Promise<void> {
    this.#closing.abort()
    const closing = this.#servers.splice(0).map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve())
        }),
    )
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all([...closing, ...this.#serving])
    await this.#parts.records.written()
  }

  #onConnect(request: IncomingMessage, client: Socket, head: Buffer): void {
    if (this.#used.has(client)) client.destroy()
    else {
      const refusal = this.#tooMuch(false)
      if (refusal) refuse(client, refusalOf(refusal))
      else this.#serve(serveConnect(this.#parts, request, client, head), client)
    }
    this.#used.add(client)
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    if (this.#used.has(socket)) socket.destroy()
    else {
      const refusal = this.#tooMuch(true)
      if (refusal) refusePlain(response, refusalOf(refusal))
      else {
        this.#plain++
        this.#serve(
          servePlain(this.#parts, request, response).finally(() => this.#plain--),
          socket,
        )
      }
    }
    this.#used.add(socket)
  }

  #serve(serving: Promise<void>, socket: Socket): void {
    const ended = serving
      .catch((error: unknown) => {
        this.#parts.log.error('a connection of a connector failed', { error: describeThrown(error) })
        socket.destroy()
      })
      .finally(() => this.#serving.delete(ended))
    this.#serving.add(ended)
  }

  /** Why the door takes no more now; in the log once a minute at most for what comes too often. */
  #tooMuch(plain: boolean): ClonedError | undefined {
    const { whose, limits, records } = this.#parts
    const { connector } = whose
    const rate = this.#rate.take()
    const isBusy = this.#serving.size >= limits.connections || (plain && this.#plain >= MAX_PLAIN)
    if (rate === 'fits' && !isBusy) return undefined
    const error =
      rate === 'fits'
        ? new ClonedError('EGRESS_PROXY_BUSY', { connector, limit: limits.connections })
        : new ClonedError('EGRESS_PROXY_RATE', { connector, limit: limits.perMinute })
    if (rate !== 'over') records.refused(error)
    return error
  }

  #refuse(socket: Socket, problem: string): void {
    const { whose, records } = this.#parts
    const error = new ClonedError('EGRESS_PROXY_REQUEST', { connector: whose.connector, problem })
    if (this.#rate.take() === 'fits') records.refused(error)
    if (socket.writable && !this.#used.has(socket)) refuse(socket, refusalOf(error))
    else socket.destroy()
  }
}
