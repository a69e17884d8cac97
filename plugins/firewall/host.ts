// Gives every host its one spelling, for rules, requests, redirects and names on the wire alike; what is unclear is refused.
import { domainToUnicode } from 'node:url'
import { formatAddress, type Groups, parseAddress, unmapped } from './address.js'

/** Why a host or URL is refused. Stable. */
export type RefusalCode =
  | 'EMPTY'
  | 'TOO_LONG'
  | 'CHARACTER'
  | 'USERINFO'
  | 'SCHEME'
  | 'PORT'
  | 'BRACKETS'
  | 'ADDRESS_SPELLING'
  | 'NAME_SPELLING'
  | 'UNPARSABLE'
  | 'LABEL'
  | 'LOCAL_NAME'

/** A refusal; `reason` is a clause for people. */
export interface Refused {
  readonly refused: RefusalCode
  readonly reason: string
}

/** A host in its one spelling. */
export interface Host {
  /** Lower-case ASCII name without a trailing dot, dotted IPv4, or IPv6 in brackets (RFC 5952). */
  readonly text: string
  /** Set for a literal address. */
  readonly address?: Groups
}

export function refuse(refused: RefusalCode, reason: string): Refused {
  return { refused, reason }
}

const MAX_HOST = 253
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
// What names mostly look like. The last label begins with a letter, so none of these can be read as a number.
const PLAIN = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/
// C0, space, DEL, C1 and whatever delimits something else in a URL. WHATWG drops some of them and decodes %.
const FORBIDDEN = /[\p{Cc} "#%/:<>?@\\^`{|}[\]*]/u
const INVISIBLE = /\p{Cf}|\p{Default_Ignorable_Code_Point}/u
/** Names that mean this machine or its link, and never the DNS: RFC 6761, 6762, 7686. */
const LOCAL = /(?:^|\.)(?:localhost|localdomain|local|onion)$/

/**
 * The one spelling of a host, as it stands in a URL, or why there is none. Refused besides what no URL may hold: every
 * spelling of IPv4 but the dotted one, letters that only look like ASCII, more than one trailing dot, and names without
 * a dot, which resolvers would complete.
 */
export function canonicalHost(raw: string): Host | Refused {
  if (raw === '') return refuse('EMPTY', 'there is no host')
  if (raw.length > 255) return refuse('TOO_LONG', 'the host is longer than 253 characters')
  if (raw.length <= MAX_HOST && PLAIN.test(raw) && !raw.includes('xn--')) return global({ text: raw })
  if (raw.startsWith('[')) return bracketed(raw)
  if (FORBIDDEN.test(raw) || INVISIBLE.test(raw) || !raw.isWellFormed()) {
    return refuse('CHARACTER', 'the host has a character that no host name has')
  }
  const parsed = URL.canParse(`http://${raw}/`) ? new URL(`http://${raw}/`) : undefined
  if (!parsed) return refuse('UNPARSABLE', 'the host is not a name and not an address')
  return spelled(raw, parsed.hostname)
}

function bracketed(raw: string): Host | Refused {
  const groups = raw.endsWith(']') ? parseAddress(raw.slice(1, -1)) : undefined
  if (groups?.length !== 8) return refuse('BRACKETS', 'brackets are for IPv6 addresses without a zone')
  const address = unmapped(groups)
  const text = formatAddress(address)
  return { text: address.length === 8 ? `[${text}]` : text, address }
}

function spelled(raw: string, hostname: string): Host | Refused {
  const address = parseAddress(hostname)
  if (address) {
    if (raw === hostname) return { text: hostname, address }
    return refuse('ADDRESS_SPELLING', `an address is written with four decimal numbers: ${hostname}`)
  }
  const text = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname
  if (!isAscii(raw) && !text.includes('xn--')) {
    return refuse('NAME_SPELLING', `the name is written in letters that only look like these: ${text}`)
  }
  if (text.length > MAX_HOST) return refuse('TOO_LONG', 'the host is longer than 253 characters')
  if (!text.split('.').every(isSoundLabel))
    return refuse('UNPARSABLE', 'a part of the name begins with xn-- and stands for nothing')
  if (!text.split('.').every((label) => LABEL.test(label))) {
    return refuse('LABEL', 'a part of the name is empty, longer than 63 characters or not made of letters and digits')
  }
  return global({ text })
}

function global(host: Host): Host | Refused {
  if (!host.text.includes('.') || LOCAL.test(host.text)) {
    return refuse('LOCAL_NAME', `${host.text} means something else on every machine; name an address instead`)
  }
  return host
}

// Node 24 takes what does not decode as it is, and 20 what decodes to ASCII: two names for one host (measured).
function isSoundLabel(label: string): boolean {
  return !label.startsWith('xn--') || !isAscii(domainToUnicode(label))
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}
