// Opens servers on addresses and private sockets and ends them; whom they answer, and what, is decided elsewhere.
import { existsSync, lstatSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { BlockList, connect, isIPv6 } from 'node:net'
import { dirname } from 'node:path'
import { ClonedError, describeThrown, privateDirectory } from 'cloned/kernel'
import type { Listening, ListenOptions } from './slot.js'

/**
 * How long a client may take to send its request. Given to Node when the server is made: set later, its 60 s for headers
 * would be longer than the whole, and Node then takes the one for the other. It is the answer that may take its time.
 */
const PATIENCE = {
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 5_000,
} as const

/** Open connections, idle ones of event streams included. */
const MAX_CONNECTIONS = 8_192

/** Listens. Throws `API_ADDRESS`. */
export async function listenAt(options: ListenOptions, answer: RequestListener): Promise<Listening> {
  const { tls, trustedProxy } = 'socket' in options ? {} : options
  const server: Server = tls
    ? createTlsServer({ ...PATIENCE, ...tls, minVersion: 'TLSv1.2' }, answer)
    : createServer(PATIENCE, answer)
  server.maxConnections = MAX_CONNECTIONS
  if (trustedProxy !== undefined) onlyFrom(server, trustedProxy)
  const place = 'socket' in options ? { path: options.socket } : { host: hostOf(options), port: options.port ?? 0 }
  try {
    if ('path' in place) await claim(place.path)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(place, () => resolve(void server.off('error', reject)))
    })
  } catch (error) {
    const where = 'path' in place ? place.path : `${place.host}:${place.port}`
    throw new ClonedError('API_ADDRESS', { address: where, cause: describeThrown(error) }, { cause: error })
  }
  return {
    address: addressOf(server, tls ? 'https' : 'http'),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** The name may stand for either loopback address, for one here and for another there. */
function hostOf({ host = 'localhost' }: { readonly host?: string }): string {
  return host === 'localhost' ? '127.0.0.1' : host
}

function addressOf(server: Server, protocol: string): string {
  const at = server.address()
  if (at === null || typeof at === 'string') return `unix:${at ?? ''}`
  return `${protocol}://${at.family === 'IPv6' ? `[${at.address}]` : at.address}:${at.port}`
}

/** Only the user of this process can connect: the directory of the socket is, or becomes, that user's alone. */
async function claim(path: string): Promise<void> {
  privateDirectory(dirname(path))
  // What a process that died has left; a living one holds the path and listening fails.
  if (existsSync(path) && lstatSync(path).isSocket() && !(await answers(path))) rmSync(path)
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // A living server that is too busy to answer refuses otherwise.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'))
  })
}

/** Hangs up on everybody else before a byte is read: what they say would be plain text on a network, and their own word for it. */
function onlyFrom(server: Server, proxy: string): void {
  const proxies = new BlockList()
  proxies.addAddress(proxy, isIPv6(proxy) ? 'ipv6' : 'ipv4')
  server.on('connection', (socket) => {
    const { remoteAddress = '' } = socket
    if (!proxies.check(remoteAddress, isIPv6(remoteAddress) ? 'ipv6' : 'ipv4')) socket.destroy()
  })
}
