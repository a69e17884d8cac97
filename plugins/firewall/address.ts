// Reads literal IP addresses and says what each may be used for; anything that is not clearly public must not come out as it.
import { type AddressClass, IPV4_RANGES, IPV6_RANGES } from './ranges.js'

/** An address in 16-bit groups: two for IPv4, eight for IPv6. */
export type Groups = readonly number[]

/** A range of addresses of one family. */
export interface Cidr {
  readonly base: Groups
  readonly bits: number
}

/**
 * Reads a literal: IPv4 as four decimal parts without leading zeros, IPv6 as RFC 4291 writes it, without a zone.
 * Everything else, the short, octal and hexadecimal forms of IPv4 included, is no address.
 */
export function parseAddress(text: string): Groups | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text, 0)
}

const DOT = 46
const COLON = 58
const END = -1

function parseIpv4(text: string, from: number): Groups | undefined {
  if (text.length - from > 15) return undefined
  let value = 0
  let octet = 0
  let digits = 0
  let dots = 0
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) {
      if (digits === 0 || dots === 3) return undefined
      value = value * 256 + octet
      octet = 0
      digits = 0
      dots++
    } else {
      const digit = code - 48
      if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return undefined
      octet = octet * 10 + digit
      if (octet > 255) return undefined
      digits++
    }
  }
  if (dots !== 3 || digits === 0) return undefined
  value = value * 256 + octet
  return [value >>> 16, value & 0xffff]
}

function parseIpv6(text: string): Groups | undefined {
  const length = text.length
  if (length > 45) return undefined
  const groups = [0, 0, 0, 0, 0, 0, 0, 0]
  let count = 0
  let gap = -1
  let i = 0
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return undefined
    gap = 0
    i = 2
  }
  while (i < length) {
    const start = i
    let value = 0
    for (let digit = hex(text, i); digit >= 0; digit = hex(text, ++i)) value = value * 16 + digit
    const after = i < length ? text.charCodeAt(i) : END
    if (after === DOT) {
      const tail = count <= 6 ? parseIpv4(text, start) : undefined
      if (!tail) return undefined
      groups[count++] = tail[0] ?? 0
      groups[count++] = tail[1] ?? 0
      break
    }
    if (i === start || i - start > 4 || count === 8) return undefined
    groups[count++] = value
    if (after === END) break
    if (after !== COLON || ++i === length) return undefined
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return undefined
      gap = count
      i++
    }
  }
  if (gap < 0) return count === 8 ? groups : undefined
  if (count === 8) return undefined
  for (let to = 7, from = count - 1; from >= gap; to--, from--) {
    groups[to] = groups[from] ?? 0
    groups[from] = 0
  }
  return groups
}

function hex(text: string, i: number): number {
  // Past the end it would be NaN, which is slower than a number.
  if (i >= text.length) return -1
  const code = text.charCodeAt(i)
  if (code >= 48 && code <= 57) return code - 48
  const letter = (code | 0x20) - 97
  return letter >= 0 && letter <= 5 ? letter + 10 : -1
}

/** The IPv4 address inside an IPv4-mapped one (RFC 4291 2.5.5.2); every other address as it is. */
export function unmapped(address: Groups): Groups {
  const mapped = address.length === 8 && address[5] === 0xffff && address.slice(0, 5).every((group) => group === 0)
  return mapped ? address.slice(6) : address
}

/** The one spelling of an address (RFC 5952), without brackets. */
export function formatAddress(address: Groups): string {
  if (address.length === 2) return address.flatMap((group) => [group >> 8, group & 0xff]).join('.')
  let gap = { at: -1, length: 1 }
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (at + length < 8 && address[at + length] === 0) length++
    if (length > gap.length) gap = { at, length }
    at += length
  }
  const text = (groups: Groups) => groups.map((group) => group.toString(16)).join(':')
  if (gap.at < 0) return text(address)
  return `${text(address.slice(0, gap.at))}::${text(address.slice(gap.at + gap.length))}`
}

/** Reads `address/bits`; a base with bits set below the mask is no range. */
export function parseCidr(text: string): Cidr | undefined {
  const [literal = '', length = '', ...rest] = text.split('/')
  const base = parseAddress(literal)
  if (!base || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined
  const bits = Number(length)
  if (bits > base.length * 16) return undefined
  const clean = base.every((group, i) => (group & ~maskOf(bits, i)) === 0)
  return clean ? { base, bits } : undefined
}

export function formatCidr({ base, bits }: Cidr): string {
  return `${formatAddress(base)}/${bits}`
}

/** Whether the range is one single address. */
export function isSingle({ base, bits }: Cidr): boolean {
  return bits === base.length * 16
}

export function within(address: Groups, { base, bits }: Cidr): boolean {
  if (address.length !== base.length) return false
  for (let i = 0; i * 16 < bits; i++) {
    if ((((address[i] ?? 0) ^ (base[i] ?? 0)) & maskOf(bits, i)) !== 0) return false
  }
  return true
}

function maskOf(bits: number, group: number): number {
  const own = bits - group * 16
  if (own >= 16) return 0xffff
  return own <= 0 ? 0 : (0xffff << (16 - own)) & 0xffff
}

/** The rows of a registry, with their first 32 bits as numbers in arrays: most are told apart by those alone. */
class Registry {
  readonly kinds: readonly AddressClass[]
  readonly cidrs: readonly Cidr[]
  readonly #values: Int32Array
  readonly #masks: Int32Array
  /** First bytes that some row begins with: nearly every public IPv4 address has another one. */
  readonly #touched = new Uint8Array(256)

  constructor(rows: typeof IPV4_RANGES) {
    this.kinds = rows.map(([, kind]) => kind)
    this.cidrs = rows.map(([text]) => {
      const cidr = parseCidr(text)
      if (!cidr) throw new RangeError(`"${text}" is not a range`)
      return cidr
    })
    this.#values = Int32Array.from(this.cidrs, ({ base }) => head(base))
    this.#masks = Int32Array.from(this.cidrs, ({ bits }) => (maskOf(bits, 0) << 16) | maskOf(bits, 1))
    for (const { base, bits } of this.cidrs) {
      const first = (base[0] ?? 0) >> 8
      this.#touched.fill(1, first, first + (1 << Math.max(0, 8 - bits)))
    }
  }

  /** Index of the first row that holds the address, or -1. */
  find(address: Groups): number {
    const value = head(address)
    if (this.#touched[value >>> 24] === 0) return -1
    const values = this.#values
    const masks = this.#masks
    for (let i = 0; i < values.length; i++) {
      if ((value & (masks[i] ?? 0)) !== values[i]) continue
      const cidr = this.cidrs[i]
      if (cidr && (cidr.bits <= 32 || within(address, cidr))) return i
    }
    return -1
  }
}

function head(address: Groups): number {
  return ((address[0] ?? 0) << 16) | (address[1] ?? 0)
}

const IPV4 = new Registry(IPV4_RANGES)
const IPV6 = new Registry(IPV6_RANGES)

/** What an address may be used for. */
export function classify(address: Groups): AddressClass {
  if (address.length === 2) return IPV4.kinds[IPV4.find(address)] ?? 'public'
  const kind = IPV6.kinds[IPV6.find(address)] ?? 'never'
  return kind === 'public' && isIsatap(address) && classify(address.slice(6)) !== 'public' ? 'never' : kind
}

/** RFC 5214: an interface identifier that carries an IPv4 address, to which a router may send the packet on. */
function isIsatap(address: Groups): boolean {
  return ((address[4] ?? 0) & 0xfdff) === 0 && address[5] === 0x5efe
}

/** Whether a rule may grant this range: part of one private or loopback range, or a single address that is not `never`. */
export function isGrantable(cidr: Cidr): boolean {
  const kind = classify(cidr.base)
  if (isSingle(cidr)) return kind !== 'never'
  const { cidrs, kinds } = cidr.base.length === 2 ? IPV4 : IPV6
  return cidrs.some((range, i) => {
    const inner = kinds[i] === 'private' || kinds[i] === 'loopback'
    return inner && cidr.bits >= range.bits && within(cidr.base, range)
  })
}
