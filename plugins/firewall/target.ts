// Reads URLs and authorities into what would be contacted; must never read one another way than who dials it.
import { canonicalHost, type Host, type Refused, refuse } from './host.js'

export type Scheme = 'https' | 'http'

/** What a URL would contact. */
export interface Target {
  readonly scheme: Scheme
  readonly host: Host
  readonly port: number
  /** `scheme://host:port`, always with the port: the key of decisions and connection pools. */
  readonly origin: string
  /** Path and query as they go on the wire; begins with a slash. */
  readonly path: string
  /** The whole URL in its one spelling, without a fragment. */
  readonly href: string
}

const MAX_URL = 16_384
export const DEFAULT_PORTS: Readonly<Record<Scheme, number>> = { https: 443, http: 80 }
// Parsers disagree about these: dropped, turned into a slash, or sent as they are.
const UNCLEAR = /[\p{Cc} \\]/u
// What no parser changes: to build a URL costs more than to decide on it.
const PLAIN_PATH = /^\/[\w~./-]*(?:\?[\w~.=&%+,:;@!$()*/?-]+)?$/
const HEAD = /^(https?):\/\/([^/?#]*)/i

/** Reads an absolute `http:` or `https:` URL. A port 0, an empty port, user info and backslashes are refused. */
export function parseTarget(raw: string): Target | Refused {
  if (raw.length > MAX_URL) return refuse('TOO_LONG', `the URL is longer than ${MAX_URL} characters`)
  if (UNCLEAR.test(raw) || !raw.isWellFormed()) {
    return refuse('CHARACTER', 'the URL has a space, a backslash or a control character')
  }
  const [, protocol = '', authority = ''] = HEAD.exec(raw) ?? []
  if (protocol === '') return refuse('SCHEME', 'only http:// and https:// URLs are fetched')
  const read = parseAuthority(authority)
  if ('refused' in read) return read
  const scheme = protocol.toLowerCase() as Scheme
  const { host, port = DEFAULT_PORTS[scheme] } = read
  // The authority is put together anew, so that path and query are all that is taken from the text.
  const spelling = `${scheme}://${host.text}${port === DEFAULT_PORTS[scheme] ? '' : `:${port}`}`
  const path = parsePath(spelling, raw.slice(protocol.length + 3 + authority.length))
  if (path === undefined) return refuse('UNPARSABLE', 'it is read in more than one way')
  return { scheme, host, port, origin: `${scheme}://${host.text}:${port}`, path, href: spelling + path }
}

/** Path and query in their one spelling, for a URL that begins with `spelling`. */
function parsePath(spelling: string, rest: string): string | undefined {
  if (rest === '') return '/'
  if (PLAIN_PATH.test(rest) && !rest.includes('/.')) return rest
  if (!URL.canParse(spelling + rest)) return undefined
  const { href, pathname, search } = new URL(spelling + rest)
  const path = pathname + search
  return href.startsWith(spelling + path) ? path : undefined
}

/** Reads `host` or `host:port`: what CONNECT, `Host` and a URL name. */
export function parseAuthority(raw: string): { readonly host: Host; readonly port?: number } | Refused {
  if (raw.includes('@')) return refuse('USERINFO', 'user name and password do not belong into a URL')
  const colon = raw.startsWith('[') ? raw.indexOf(':', raw.lastIndexOf(']')) : raw.indexOf(':')
  const host = canonicalHost(colon < 0 ? raw : raw.slice(0, colon))
  if ('refused' in host) return host
  if (colon < 0) return { host }
  const digits = raw.slice(colon + 1)
  const port = Number(digits)
  if (!/^[1-9]\d{0,4}$/.test(digits) || port > 65_535) return refuse('PORT', 'the port is not a number from 1 to 65535')
  return { host, port }
}
