// Sends requests of plugins through the firewall; what a request carries must never reach another host, nor an open wire.
import { ClonedError, isClonedError } from 'cloned/kernel'
import { type Firewall, neverSent, type PluginCaller, type PluginFetch } from '../firewall/slot.js'
import type { Outbound, OutboundCaller } from './slot.js'

const TIMEOUT_MS = 10_000
const MAX_BYTES = 1024 * 1024
const LOOPBACK = /^(127(\.\d{1,3}){3}|\[::1\])$/

export function createOutbound(firewall: Pick<Firewall, 'forPlugin'>): Outbound {
  return {
    open(caller) {
      const fetch = opened(firewall, caller)
      return {
        async send({ method, url, headers = {}, body, timeoutMs: deadlineMs = TIMEOUT_MS, maxBytes = MAX_BYTES }) {
          const { host } = checked(url)
          const init = { method, headers, deadlineMs, maxBytes, redirect: 'manual' } as const
          try {
            const response = await fetch(url, body === undefined ? init : { ...init, body })
            return { status: response.status, body: Buffer.from(response.bytes()) }
          } catch (error) {
            throw worded(host, error)
          }
        },
      }
    },
  }
}

function opened(firewall: Pick<Firewall, 'forPlugin'>, caller: OutboundCaller): PluginFetch {
  const hosts = declared(caller)
  try {
    return firewall.forPlugin({ plugin: caller.plugin, hosts })
  } catch (error) {
    throw worded(hosts.map(({ host }) => host).join(', '), error)
  }
}

/** Each origin as the one rule that it stands for. */
function declared({ origins, addresses = [] }: OutboundCaller): PluginCaller['hosts'] {
  return origins.map((origin) => {
    const { protocol, hostname, port } = checked(origin)
    const scheme = protocol === 'https:' ? 'https' : 'http'
    const ports = [port === '' ? { https: 443, http: 80 }[scheme] : Number(port)]
    return { host: hostname, schemes: [scheme], ports, ...(addresses.length > 0 ? { addresses } : {}) }
  })
}

function checked(text: string): URL {
  const refused = (host: string, problem: string) => new ClonedError('OUTBOUND_REFUSED', { host, problem })
  if (!URL.canParse(text)) throw refused('an unknown host', 'its URL cannot be read')
  const url = new URL(text)
  if (url.hostname.includes('*')) throw refused(url.host, 'it stands for many hosts')
  if (url.username !== '' || url.password !== '') throw refused(url.host, 'its URL holds a user or a password')
  const open = url.protocol === 'http:' && LOOPBACK.test(url.hostname)
  if (url.protocol !== 'https:' && !open) throw refused(url.host, 'its URL is not https')
  return url
}

/** The firewall's errors name a host and nothing else of a request; those of others may quote it. */
function worded(host: string, error: unknown): unknown {
  if (!isClonedError(error)) return new ClonedError('OUTBOUND_FAILED', { host, problem: 'the connection failed' })
  const problem = error.message.replace(/\.$/, '').replace(/^the request to \S+ /, 'it ')
  return new ClonedError(neverSent(error.code) ? 'OUTBOUND_REFUSED' : 'OUTBOUND_FAILED', { host, problem })
}
