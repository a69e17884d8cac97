// Thousands of spellings of addresses that must not be reached, against rules that allow as much as rules may: no way through.
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { expect, it } from 'vitest'
import { classify, formatAddress, parseAddress } from '../../plugins/firewall/address.js'
import { compileEgress } from '../../plugins/firewall/decide.js'
import { canonicalHost } from '../../plugins/firewall/host.js'
import { IPV4_RANGES } from '../../plugins/firewall/ranges.js'
import { parseTarget } from '../../plugins/firewall/target.js'
import { vet } from '../../plugins/firewall/vet.js'

const NONE = { id: '', grants: [] }
const INNER = IPV4_RANGES.map(([cidr]) => cidr.slice(0, cidr.indexOf('/'))).flatMap((base) => [
  base,
  base.replace(/\d+$/, '1'),
])
const TARGETS = [...new Set([...INNER, '127.0.0.1', '169.254.169.254', '192.168.1.1', '10.0.0.5', '255.255.255.255'])]

const decide = compileEgress({
  global: {
    deny: [],
    allow: ['allowed.test', '*.allowed.test', '9.9.9.9'].map((host) => ({ host, schemes: ['http'], at: host })),
  },
  connectors: {},
  tools: {},
})

const FULLWIDTH = (text: string) => text.replace(/[0-9a-fx]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0))
const CIRCLED = (text: string) =>
  text.replace(/\d/g, (d) => (d === '0' ? '⓪' : String.fromCharCode(0x245f + Number(d))))
const PERCENT = (text: string) => [...text].map((c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`).join('')

/** Every way to write an IPv4 address that some parser reads as it. */
function ipv4Spellings(address: string): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
  const value = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
  const hex = (n: number) => `0x${n.toString(16)}`
  const octal = (n: number) => `0${n.toString(8)}`
  const writers = [String, hex, octal, (n: number) => `0x000${n.toString(16)}`, (n: number) => `000${n.toString(8)}`]
  const plain = writers.flatMap((write) => [
    [a, b, c, d].map(write).join('.'),
    [a, b, (c << 8) | d].map(write).join('.'),
    [a, (b << 16) | (c << 8) | d].map(write).join('.'),
    write(value),
    `${write(a)}.${b}.${hex(c)}.${octal(d)}`,
  ])
  return plain.flatMap((text) => [
    text,
    text.toUpperCase(),
    `${text}.`,
    FULLWIDTH(text),
    CIRCLED(text),
    PERCENT(text),
    text.replaceAll('.', '。'),
    text.replaceAll('.', '．'),
    `${text}\u00ad`,
    `\u200b${text}`,
  ])
}

/** Every IPv6 address that carries it. */
function ipv6Spellings(address: string): string[] {
  const [high = 0, low = 0] = parseAddress(address) ?? []
  const [h, l] = [high.toString(16), low.toString(16)]
  const [xh, xl] = [(high ^ 0xffff).toString(16), (low ^ 0xffff).toString(16)]
  const carriers = [
    `::ffff:${address}`,
    `::ffff:${h}:${l}`,
    `0:0:0:0:0:ffff:${h}:${l}`,
    `::${address}`,
    `::${h}:${l}`,
    `::ffff:0:${h}:${l}`,
    `64:ff9b::${address}`,
    `64:ff9b::${h}:${l}`,
    `64:ff9b:1::${h}:${l}`,
    `64:ff9b:1:${h}:${l}::`,
    `2002:${h}:${l}::`,
    `2002:${h}:${l}::1`,
    `2001:0:4136:e378:8000:63bf:${xh}:${xl}`,
    `2001::${xh}:${xl}`,
    `fe80::5efe:${h}:${l}`,
    `2606:4700::5efe:${h}:${l}`,
    `2606:4700::200:5efe:${address}`,
    `100::${h}:${l}`,
    `fec0::${h}:${l}`,
    `5f00::${h}:${l}`,
  ]
  return carriers.flatMap((text) => [
    `[${text}]`,
    `[${text.toUpperCase()}]`,
    `[${text}%eth0]`,
    `[${text}%25lo]`,
    `[${text}%.allowed.test]`,
  ])
}

const all = TARGETS.flatMap((address) => [...ipv4Spellings(address), ...ipv6Spellings(address)])
const around = (host: string) => [
  `http://${host}/`,
  `http://${host}:80/`,
  `http://allowed.test@${host}/`,
  `http://${host}#@allowed.test/`,
  `http://${host}\\.allowed.test/`,
  `http://${host}\\@allowed.test/`,
  `http://${host}?.allowed.test/`,
  `http://${host}\0.allowed.test/`,
  `http://${host}\r\n.allowed.test/`,
]

/** Whether the request would be made, and to an address that may not be dialled. */
function passes(url: string): boolean {
  const target = parseTarget(url)
  if ('refused' in target) return false
  const decision = decide({ tool: 'test.tool@v1' }, 'GET', target)
  if (!decision.allowed) return false
  return target.host.address !== undefined && formatAddress(target.host.address) !== '9.9.9.9'
}

it(`no spelling reaches what it spells (${all.length} spellings, ${all.length * 9} URLs)`, () => {
  expect(all.length).toBeGreaterThan(5_000)
  const through = all.flatMap(around).filter(passes)
  expect(through).toEqual([])
})

it('a spelling that is taken for an address is the address that the oracle reads, or one that may not be dialled', () => {
  let read = 0
  for (const raw of all) {
    const host = canonicalHost(raw)
    if ('refused' in host || !host.address) continue
    const literal = raw.startsWith('[') ? raw.slice(1, -1) : raw
    expect(ipaddr.isValid(literal), raw).toBe(true)
    // The oracle takes ::a.b.c.d for a.b.c.d; here it stays what it is, and is never dialled.
    const compatible = literal.startsWith('::') && classify(host.address) !== 'public' && !/^::ffff:/i.test(literal)
    if (!compatible) expect(formatAddress(host.address), raw).toBe(ipaddr.process(literal).toString())
    if (classify(host.address) === 'public') continue
    read++
    expect(vet([formatAddress(host.address)], NONE, new Set()), raw).toBeUndefined()
  }
  expect(read).toBeGreaterThan(500)
})

it('an address that is never to be dialled is refused in every carrier, whatever is granted', () => {
  for (const raw of TARGETS.flatMap(ipv6Spellings)) {
    const address = parseAddress(raw.slice(1, -1))
    if (!address) continue
    // A router of its owner's may carry it on, which is all right for a public one.
    if (/5efe/i.test(raw) && classify(address.slice(6)) === 'public') continue
    expect(vet([raw.slice(1, -1)], NONE, new Set()), raw).toBeUndefined()
  }
})

it('a text made of pieces of hosts is refused, or is allowed as the host that every parser sees', () => {
  const piece = fc.constantFrom(
    'allowed.test',
    'evil.test',
    '127.0.0.1',
    '[::1]',
    '.',
    '@',
    ':',
    '80',
    '/',
    '\\',
    '#',
    '?',
    '%2e',
    '%00',
    '\0',
    '\r\n',
    '\t',
    ' ',
    '。',
    'xn--',
    '*',
  )
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 7 }), (pieces) => {
      const url = `http://${pieces.join('')}`
      const target = parseTarget(url)
      if ('refused' in target || !decide({ tool: 'test.tool@v1' }, 'GET', target).allowed) return
      expect(new URL(url).hostname.replace(/\.$/, '')).toMatch(/^(?:[^.]+\.)?allowed\.test$/)
    }),
    { numRuns: 5_000 },
  )
})
