// Reads the head of a request to the proxy; what two parsers could read in two ways is refused, never repaired.
import type { IncomingMessage } from 'node:http'
import { ClonedError } from 'cloned/kernel'
import type { EgressTarget, Firewall } from '../firewall/slot.js'

/** A head that can be read in one way only. */
export interface Head {
  readonly target: EgressTarget
  readonly url: string
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
}

/** Reads spellings of hosts. */
export type ReadTarget = Firewall['read']

const MAX_HEADERS = 100
// What ends an authority: a name that went on behind it would be read as a path by one parser and as a host by another.
const AUTHORITY = /^[^/?#\\@\s]+$/
/** These change the protocol, or announce what a rebuilt request does not have. */
const NEVER = ['upgrade', 'http2-settings', 'te', 'trailer']
const PERSISTENCE = new Set(['keep-alive', 'close'])

/** Reads the head of a CONNECT. Throws `EGRESS_PROXY_REQUEST`. */
export function readConnect(request: IncomingMessage, read: ReadTarget, connector: string): Head {
  const refused = refuser(connector)
  // Clients in wide use still say 1.0 here, without Host: CPython's until 3.12.
  const headers = readHeaders(request, ['1.1', '1.0'], refused)
  const authority = request.url ?? ''
  if (!AUTHORITY.test(authority) || !/:\d{1,5}$/.test(authority)) throw refused('CONNECT does not name one host:port')
  if (headers.has('content-length') || headers.has('transfer-encoding')) throw refused('CONNECT has a body')
  const url = `https://${authority}`
  return { target: sameTarget('https', url, headers.get('host'), read, refused), url, headers }
}

/** Reads the head of another request, which names a whole `http:` URL. Throws `EGRESS_PROXY_REQUEST`. */
export function readRequest(request: IncomingMessage, read: ReadTarget, connector: string): Head {
  const refused = refuser(connector)
  const headers = readHeaders(request, ['1.1'], refused)
  const url = request.url ?? ''
  if (!/^http:\/\//i.test(url)) throw refused('the request does not name a whole http:// URL; https goes by CONNECT')
  const coding = headers.get('transfer-encoding')
  if (coding !== undefined && coding !== 'chunked') throw refused('its transfer coding is not "chunked" alone')
  const host = headers.get('host')
  if (host === undefined) throw refused('it has no Host header')
  return { target: sameTarget('http', url, host, read, refused), url, headers }
}

/** What is named; in the request line and in `Host` alike. */
function sameTarget(
  scheme: 'http' | 'https',
  url: string,
  host: string | undefined,
  read: ReadTarget,
  refused: (problem: string) => ClonedError,
): EgressTarget {
  const target = read(url)
  if ('allowed' in target) throw refused(target.reason)
  if (host === undefined) return target
  const named = AUTHORITY.test(host) ? read(`${scheme}://${host}`) : undefined
  if (!named || 'allowed' in named || named.origin !== target.origin) {
    throw refused('Host names another host than the request line')
  }
  return target
}

function readHeaders(
  { rawHeaders, httpVersion }: IncomingMessage,
  versions: readonly string[],
  refused: (problem: string) => ClonedError,
): ReadonlyMap<string, string> {
  if (!versions.includes(httpVersion)) throw refused(`HTTP/${httpVersion} is not spoken here`)
  if (rawHeaders.length > 2 * MAX_HEADERS) throw refused(`it has more than ${MAX_HEADERS} headers`)
  const headers = new Map<string, string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    if (headers.has(name)) throw refused(`header ${name.slice(0, 40)} is there twice`)
    headers.set(name, rawHeaders[i + 1] ?? '')
  }
  const never = NEVER.find((name) => headers.has(name))
  if (never) throw refused(`header ${never} would change the protocol`)
  for (const name of ['connection', 'proxy-connection']) {
    const options = (headers.get(name) ?? 'close').toLowerCase().split(',')
    if (!options.every((option) => PERSISTENCE.has(option.trim()))) {
      throw refused(`header ${name} names more than keep-alive or close`)
    }
  }
  return headers
}

function refuser(connector: string): (problem: string) => ClonedError {
  return (problem) => new ClonedError('EGRESS_PROXY_REQUEST', { connector, problem })
}
