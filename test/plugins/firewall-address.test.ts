// The rules by which literal addresses are read and classified; ipaddr.js is the independent opinion.
import { isIP } from 'node:net'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, expect, it } from 'vitest'
import {
  classify,
  formatAddress,
  formatCidr,
  type Groups,
  isGrantable,
  parseAddress,
  parseCidr,
  unmapped,
  within,
} from '../../plugins/firewall/address.js'
import { IPV4_RANGES, IPV6_RANGES } from '../../plugins/firewall/ranges.js'
import type { AddressPolicy } from '../../plugins/firewall/rule.js'
import { ownAddresses, vet } from '../../plugins/firewall/vet.js'

const RUNS = { numRuns: 1_000 }

function read(text: string): Groups {
  const address = parseAddress(text)
  if (!address) throw new Error(`${text} is no address`)
  return address
}

function range(text: string) {
  const cidr = parseCidr(text)
  if (!cidr) throw new Error(`${text} is no range`)
  return cidr
}

const ipv4 = fc.integer({ min: 0, max: 0xffffffff }).map((n) => [24, 16, 8, 0].map((s) => (n >>> s) & 255).join('.'))
const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
/** Addresses near the edges of the registries, where a wrong mask shows. */
const nearSpecial = fc
  .tuple(fc.constantFrom(...IPV6_RANGES.map(([cidr]) => range(cidr))), groups, fc.nat({ max: 127 }))
  .map(([{ base, bits }, noise, flip]) =>
    base.map((group, i) => {
      const own = Math.min(16, Math.max(0, bits - i * 16))
      const mask = (0xffff << (16 - own)) & 0xffff
      const mixed = (group & mask) | ((noise[i] ?? 0) & ~mask & 0xffff)
      return flip < bits && flip >> 4 === i ? mixed ^ (0x8000 >> (flip & 15)) : mixed
    }),
  )

describe('reading', () => {
  it.each([
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '01.2.3.4',
    '1.2.3.4.',
    '.1.2.3.4',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '1..2.3',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.-4',
    '1.2.3.4/8',
    '',
    '.',
    '...',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '::12345',
    '::g',
    '1:2:3:4:5:6:7:',
    ':1:2:3:4:5:6:7',
    'fe80::1%eth0',
    '::ffff:1.2.3.4%x.allowed.com',
    '[::1]',
    '::1.2.3',
    '::1.2.3.4.5',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '::0x1',
    '1:2:3:4:5:6:7:1.2.3.4',
    '1:2:3:4:5:6:7::8:9',
    '::256.0.0.1',
    '１２７.０.０.１',
    '1:2:3:4:5:6:7:8::',
  ])('%j is no address', (text) => expect(parseAddress(text)).toBeUndefined())

  it('reads what the oracle reads, alike, and writes it in one spelling', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4.map(read), groups), fc.nat({ max: 2 }), (address, style) => {
        const oracle = address.length === 2 ? ipaddr.parse(formatAddress(address)) : new ipaddr.IPv6([...address])
        const spellings = [
          oracle.toNormalizedString(),
          oracle.toString().toUpperCase(),
          oracle instanceof ipaddr.IPv6 ? oracle.toRFC5952String() : oracle.toString(),
        ]
        const spelling = spellings[style] ?? ''
        expect(parseAddress(spelling)).toEqual(address)
        const text = formatAddress(address)
        expect(parseAddress(text)).toEqual(address)
        const url = address.length === 2 ? text : `[${text}]`
        expect(new URL(`http://${url}/`).hostname, 'as a URL spells it').toBe(url)
      }),
      RUNS,
    )
  })

  it('reads nothing that is not an address to Node, and everything that is, zones aside', () => {
    const pieces = fc.array(fc.constantFrom('0', '1', '255', '256', '.', ':', '::', 'ff', 'ffff', '00', '0x', '%'), {
      maxLength: 14,
    })
    fc.assert(
      fc.property(
        pieces.map((list) => list.join('')),
        (text) => {
          expect(parseAddress(text)?.length ?? 0).toBe(text.includes('%') ? 0 : { 0: 0, 4: 2, 6: 8 }[isIP(text)])
        },
      ),
      { numRuns: 6_000 },
    )
  })
})

describe('classes', () => {
  it.each([...IPV4_RANGES, ...IPV6_RANGES.filter(([cidr]) => cidr !== '::/0')])(
    '%s is %s from its first to its last address',
    (text, kind) => {
      const { base, bits } = range(text)
      const last = base.map((group, i) => group | (0xffff >> Math.min(16, Math.max(0, bits - i * 16))))
      expect(classify(base)).toBe(text === '2000::/3' ? 'public' : kind)
      const exception = text === '2000::/3' ? 'public' : kind
      expect(classify(last)).toBe(exception)
    },
  )

  it.each<[string, string]>([
    ['1.1.1.1', 'public'],
    ['8.8.8.8', 'public'],
    ['9.255.255.255', 'public'],
    ['11.0.0.0', 'public'],
    ['100.63.255.255', 'public'],
    ['100.128.0.0', 'public'],
    ['126.255.255.255', 'public'],
    ['128.0.0.0', 'public'],
    ['169.253.255.255', 'public'],
    ['172.15.255.255', 'public'],
    ['172.32.0.0', 'public'],
    ['192.167.255.255', 'public'],
    ['198.17.255.255', 'public'],
    ['198.20.0.0', 'public'],
    ['223.255.255.255', 'public'],
    ['0.0.0.0', 'never'],
    ['255.255.255.255', 'never'],
    ['169.254.169.254', 'never'],
    ['168.63.129.16', 'never'],
    ['168.63.129.15', 'public'],
    ['100.100.100.200', 'never'],
    ['100.100.100.201', 'private'],
    ['::', 'never'],
    ['::2', 'never'],
    ['::127.0.0.1', 'never'],
    ['::ffff:8.8.8.8', 'never'],
    ['::ffff:0:7f00:1', 'never'],
    ['64:ff9b::808:808', 'never'],
    ['64:ff9b:1::1', 'never'],
    ['100::1', 'never'],
    ['100:0:0:1::1', 'never'],
    ['4000::1', 'never'],
    ['5f00::1', 'never'],
    ['fe80::1', 'never'],
    ['fec0::1', 'never'],
    ['ff02::1', 'never'],
    ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'never'],
    ['2001:20::1', 'never'],
    ['2002:7f00:1::', 'never'],
    ['2606:4700::1111', 'public'],
    ['2001:4860:4860::8888', 'public'],
    ['2606:4700::5efe:7f00:1', 'never'],
    ['2606:4700::200:5efe:a00:1', 'never'],
    ['2606:4700::5efe:808:808', 'public'],
    ['fd00:ec2::254', 'never'],
    ['fd20:ce::254', 'never'],
    ['fd12::1', 'private'],
  ])('%s is %s', (text, kind) => expect(classify(read(text))).toBe(kind))

  it('calls nothing public that the oracle does not call unicast', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4.map(read), groups, nearSpecial), (address) => {
        if (classify(address) !== 'public') return
        const oracle = address.length === 2 ? ipaddr.IPv4.parse(formatAddress(address)) : new ipaddr.IPv6([...address])
        expect([formatAddress(address), oracle.range()]).toEqual([formatAddress(address), 'unicast'])
      }),
      { numRuns: 5_000 },
    )
  })

  it('calls every IPv4 address public that the oracle calls unicast, but the metadata of one cloud', () => {
    fc.assert(
      fc.property(ipv4, (text) => {
        if (ipaddr.IPv4.parse(text).range() !== 'unicast' || text === '168.63.129.16') return
        expect([text, classify(read(text))]).toEqual([text, 'public'])
      }),
      RUNS,
    )
  })
})

describe('ranges', () => {
  it.each([
    '10.0.0.0',
    '10.0.0.1/8',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::1/129',
    '/8',
    '10/8',
  ])('%j is no range', (text) => expect(parseCidr(text)).toBeUndefined())

  it.each<[string, boolean]>([
    ['10.0.0.0/8', true],
    ['10.1.2.3/32', true],
    ['192.168.1.0/24', true],
    ['100.64.0.0/10', true],
    ['127.0.0.1/32', true],
    ['127.0.0.0/8', true],
    ['fd12::/16', true],
    ['::1/128', true],
    ['8.8.8.8/32', true],
    ['8.8.8.0/24', false],
    ['0.0.0.0/0', false],
    ['0.0.0.0/32', false],
    ['8.0.0.0/6', false],
    ['169.254.169.254/32', false],
    ['100.100.100.200/32', false],
    ['::/0', false],
    ['fe80::/10', false],
    ['64:ff9b::/96', false],
  ])('%s may be granted: %s', (text, expected) => expect(isGrantable(range(text))).toBe(expected))

  it('holds an address exactly when the oracle says so, and never one of the other family', () => {
    fc.assert(
      fc.property(ipv4, ipv4, fc.nat({ max: 32 }), (a, b, bits) => {
        const [base] = ipaddr.IPv4.parseCIDR(`${ipaddr.IPv4.networkAddressFromCIDR(`${b}/${bits}`)}/${bits}`)
        const cidr = range(`${base}/${bits}`)
        expect(within(read(a), cidr)).toBe(ipaddr.IPv4.parse(a).match(base, bits))
        expect(within([...Array(6).fill(0), ...read(a)], cidr)).toBe(false)
        expect(parseCidr(formatCidr(cidr))).toEqual(cidr)
      }),
      RUNS,
    )
  })
})

it('a mapped address is the IPv4 address in it; nothing else changes', () => {
  expect(unmapped(read('::ffff:127.0.0.1'))).toEqual(read('127.0.0.1'))
  for (const text of ['::127.0.0.1', '64:ff9b::7f00:1', '::1:ffff:7f00:1'])
    expect(unmapped(read(text))).toEqual(read(text))
})

describe('vetting', () => {
  const none: AddressPolicy = { id: '', grants: [] }
  const inner = { id: '10.0.0.0/8', grants: [range('10.0.0.0/8')] }
  const exact = { id: '10.9.9.9/32', grants: [range('10.9.9.9/32')] }
  const own = new Set(['10.9.9.9', '8.8.4.4'])

  it.each<[string, string[], typeof none, string[] | undefined]>([
    ['public addresses of both families', ['1.1.1.1', '2606:4700::1111'], none, ['1.1.1.1', '2606:4700::1111']],
    ['one address twice', ['1.1.1.1', '1.1.1.1'], none, ['1.1.1.1']],
    ['no address', [], none, undefined],
    ['text that is no address', ['1.1.1.1', 'evil'], none, undefined],
    ['a public and a loopback one', ['1.1.1.1', '127.0.0.1'], none, undefined],
    ['a public one and a private one of the other family', ['1.1.1.1', '::1'], none, undefined],
    ['a private one without a grant', ['10.1.1.1'], none, undefined],
    ['a private one with a grant', ['10.1.1.1'], inner, ['10.1.1.1']],
    ['a private one outside the grant', ['192.168.1.1'], inner, undefined],
    ['a mapped one inside the grant', ['::ffff:10.1.1.1'], inner, undefined],
    [
      'metadata with a grant around everything',
      ['169.254.169.254'],
      { id: 'x', grants: [range('0.0.0.0/0')] },
      undefined,
    ],
    ['this machine by a range', ['10.9.9.9'], inner, undefined],
    ['this machine by name', ['10.9.9.9'], exact, ['10.9.9.9']],
    ['this machine on a public address', ['8.8.4.4'], none, undefined],
  ])('%s', (_, found, policy, expected) => expect(vet(found, policy, own)).toEqual(expected))

  it('the addresses of this machine are literals without zones', () => {
    for (const text of ownAddresses()) expect(parseAddress(text)).toBeDefined()
  })
})
