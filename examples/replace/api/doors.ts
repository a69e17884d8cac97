// Opens the ways in to the API: an address, a private socket, a host's own server; who comes through is decided elsewhere.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { dirname } from 'node:path'
import { ClonedError, describeThrown, privateDirectory } from 'cloned/kernel'
import {
  assertPrivateOrGuarded,
  hostsOf,
  type Listening,
  type ListenOptions,
  originOf,
  type Principal,
  removeDescription,
  writeDescription,
} from 'cloned/plugins/api'
import type { Workspace } from 'cloned/plugins/workspace'

/** What is known of requests before they are read. */
export interface Door {
  /** `Host` headers that are answered; `undefined` where a host has checked them. */
  readonly hosts: () => ReadonlySet<string> | undefined
  /** Of the URL as the client has to have used it. */
  readonly origin: (host: string) => string
  /** Whom the way in itself proves. */
  readonly given: Principal | undefined
}

export type Answerer = (request: IncomingMessage, response: ServerResponse) => Promise<void>
export type Listener = Listening

const PATIENCE = { headersTimeout: 10_000, requestTimeout: 20_000, keepAliveTimeout: 10_000 }

export function hostDoor(given: Principal): Door {
  return { hosts: () => undefined, origin: () => 'http://localhost', given }
}

/** Listens, and says where in `.cloned/api.json`. Throws `API_PUBLIC`, `API_ADDRESS`. */
export async function listenAt(
  options: ListenOptions,
  workspace: Workspace,
  bySocket: Principal,
  answererAt: (door: Door) => Answerer,
): Promise<Listener> {
  if (!('socket' in options)) assertPrivateOrGuarded(options)
  let port = 0
  const answer = answererAt({
    hosts: () => hostsOf(options, port),
    origin: (host) => originOf(options, host),
    given: 'socket' in options ? bySocket : undefined,
  })
  const listener = (request: IncomingMessage, response: ServerResponse) => void answer(request, response)
  const tls = 'tls' in options ? options.tls : undefined
  const server: Server = tls
    ? createTlsServer({ ...PATIENCE, ...tls, minVersion: 'TLSv1.2' }, listener)
    : createServer(PATIENCE, listener)
  const proxy = 'trustedProxy' in options ? options.trustedProxy : undefined
  if (proxy !== undefined) {
    // Whoever else connects is hung up on before a byte is read.
    server.on('connection', (socket) => void (socket.remoteAddress === proxy || socket.destroy()))
  }
  const address = await opened(server, options)
  if (!('socket' in options)) port = Number(new URL(address).port)
  const description = writeDescription(workspace, { address, token: workspace.path('api', 'token') })
  return {
    address,
    async close() {
      removeDescription(description)
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

async function opened(server: Server, options: ListenOptions): Promise<string> {
  const place =
    'socket' in options ? { path: options.socket } : { host: options.host ?? '127.0.0.1', port: options.port ?? 0 }
  // Only the user of this process can reach what lies in a directory of their own.
  if ('path' in place) privateDirectory(dirname(place.path))
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(place, resolve)
    })
  } catch (error) {
    const where = 'path' in place ? place.path : `${place.host}:${place.port}`
    throw new ClonedError('API_ADDRESS', { address: where, cause: describeThrown(error) }, { cause: error })
  }
  const at = server.address()
  if (at === null || typeof at === 'string') return `unix:${at ?? ''}`
  const host = at.family === 'IPv6' ? `[${at.address}]` : at.address
  return `${'tls' in options && options.tls ? 'https' : 'http'}://${host}:${at.port}`
}
