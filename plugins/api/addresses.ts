// Decides under which names a server may be asked and where it may listen; anything else is refused before a route sees it.
import { isIP } from 'node:net'
import { ClonedError } from 'cloned/kernel'
import type { ListenOptions } from './slot.js'

type Tcp = Exclude<ListenOptions, { readonly socket: string }>

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])

/** Throws `API_PUBLIC` for an address beyond loopback without TLS, a trusted proxy or names, and for a proxy without an address. */
export function assertPrivateOrGuarded({ host = '127.0.0.1', tls, trustedProxy, names = [] }: Tcp): void {
  if (trustedProxy !== undefined && isIP(trustedProxy) === 0)
    throw new ClonedError('API_PUBLIC', { host, missing: 'the address of its proxy (--trusted-proxy 10.0.0.1)' })
  if (LOOPBACK.has(host)) return
  if (!tls && trustedProxy === undefined)
    throw new ClonedError('API_PUBLIC', { host, missing: 'TLS (--tls-cert, --tls-key) or --trusted-proxy' })
  if (names.length === 0) throw new ClonedError('API_PUBLIC', { host, missing: 'the names that clients use (--name)' })
}

/** The `Host` headers that a server answers to, lower case. Without a port for those on a Unix socket. */
export function hostsOf(options: ListenOptions, port: number): ReadonlySet<string> {
  if ('socket' in options) return new Set(['localhost'])
  const { host = '127.0.0.1', names = [] } = options
  if (!LOOPBACK.has(host)) return new Set(names.map((name) => name.toLowerCase()))
  return new Set(['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`))
}

/** Origin of a request that came over this server, for tokens that are bound to a URL. */
export function originOf(options: ListenOptions, host: string): string {
  if ('socket' in options) return 'http://localhost'
  return `${options.tls || options.trustedProxy !== undefined ? 'https' : 'http'}://${host}`
}
