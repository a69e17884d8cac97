// The rules by which hosts and URLs get their one spelling; the rows follow the cases of the URL standard's own tables.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalHost, type RefusalCode } from '../../plugins/firewall/host.js'
import { parseAuthority, parseTarget } from '../../plugins/firewall/target.js'

const LONG = 'a'.repeat(63)

describe('hosts in their one spelling', () => {
  it.each<[string, string]>([
    ['example.com', 'example.com'],
    ['EXAMPLE.Com', 'example.com'],
    ['example.com.', 'example.com'],
    ['a-b.c_d.example.com', 'a-b.c_d.example.com'],
    ['_dmarc.example.com', '_dmarc.example.com'],
    ['r3---sn-x.example.com', 'r3---sn-x.example.com'],
    [`${LONG}.${LONG}.${LONG}.com`, `${LONG}.${LONG}.${LONG}.com`],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example', 'xn--bcher-kva.example'],
    ['bu\u0308cher.example', 'xn--bcher-kva.example'],
    ['faß.de', 'xn--fa-hia.de'],
    ['еxample.com', 'xn--xample-2of.com'],
    ['例え。テスト', 'xn--r8jz45g.xn--zckzah'],
    ['1.1.1.1', '1.1.1.1'],
    ['1.2.3.4.example.com', '1.2.3.4.example.com'],
    ['0x7f.1.example.com', '0x7f.1.example.com'],
    ['[::1]', '[::1]'],
    ['[0:0:0:0:0:0:0:1]', '[::1]'],
    ['[2606:4700::1111]', '[2606:4700::1111]'],
    ['[2606:4700:0:0:0:0:0:1111]', '[2606:4700::1111]'],
    ['[FE80::1]', '[fe80::1]'],
    ['[::ffff:127.0.0.1]', '127.0.0.1'],
    ['[::FFFF:7f00:1]', '127.0.0.1'],
    ['[::127.0.0.1]', '[::7f00:1]'],
    ['[64:ff9b::127.0.0.1]', '[64:ff9b::7f00:1]'],
  ])('%s is %s', (raw, text) => expect(canonicalHost(raw)).toMatchObject({ text }))

  it.each<[string, RefusalCode]>([
    ['', 'EMPTY'],
    ['.', 'LABEL'],
    ['..', 'LABEL'],
    ['.example.com', 'LABEL'],
    ['a..example.com', 'LABEL'],
    ['example.com..', 'LABEL'],
    ['-a.example.com', 'LABEL'],
    ['a-.example.com', 'LABEL'],
    [`${LONG}a.com`, 'LABEL'],
    [`${'a.'.repeat(130)}com`, 'TOO_LONG'],
    [`${'a.'.repeat(125)}comm`, 'TOO_LONG'],
    ['2130706433', 'ADDRESS_SPELLING'],
    ['0', 'ADDRESS_SPELLING'],
    ['0x', 'ADDRESS_SPELLING'],
    ['0x7f000001', 'ADDRESS_SPELLING'],
    ['0X7F.1', 'ADDRESS_SPELLING'],
    ['017700000001', 'ADDRESS_SPELLING'],
    ['0177.0.0.1', 'ADDRESS_SPELLING'],
    ['127.1', 'ADDRESS_SPELLING'],
    ['127.0.1', 'ADDRESS_SPELLING'],
    ['127.0.0.1.', 'ADDRESS_SPELLING'],
    ['127.0.0.01', 'ADDRESS_SPELLING'],
    ['１２７.０.０.１', 'ADDRESS_SPELLING'],
    ['①②⑦.⓪.⓪.①', 'ADDRESS_SPELLING'],
    ['127。0。0。1', 'ADDRESS_SPELLING'],
    ['256.256.256.256', 'UNPARSABLE'],
    ['1.2.3.4.5', 'UNPARSABLE'],
    ['1.2.3.08', 'UNPARSABLE'],
    ['0o177.0.0.1', 'UNPARSABLE'],
    ['foo.0x4', 'UNPARSABLE'],
    ['foo.1', 'UNPARSABLE'],
    ['xn--', 'UNPARSABLE'],
    ['xn--a.example', 'UNPARSABLE'],
    ['xn--example-.com', 'UNPARSABLE'],
    ['a.xn--a-ecp.ru', 'UNPARSABLE'],
    ['ⓔⓧⓐⓜⓟⓛⓔ.com', 'NAME_SPELLING'],
    ['ｅxample.com', 'NAME_SPELLING'],
    ['example。com', 'NAME_SPELLING'],
    ['example．com', 'NAME_SPELLING'],
    ['localhoſt', 'NAME_SPELLING'],
    ['\u212a.example.com', 'NAME_SPELLING'],
    ['exam\u00adple.com', 'CHARACTER'],
    ['exam\u200bple.com', 'CHARACTER'],
    ['exam\u200dple.com', 'CHARACTER'],
    ['exam\u2060ple.com', 'CHARACTER'],
    ['exam\ufe0fple.com', 'CHARACTER'],
    ['\u202eexample.com', 'CHARACTER'],
    ['exam\ud800ple.com', 'CHARACTER'],
    ['evil.com\0.allowed.com', 'CHARACTER'],
    ['evil.com\r\n.allowed.com', 'CHARACTER'],
    ['evil.com\t.allowed.com', 'CHARACTER'],
    ['evil.com .allowed.com', 'CHARACTER'],
    ['evil.com\x7f', 'CHARACTER'],
    ['evil.com\x85', 'CHARACTER'],
    ['exa%6dple.com', 'CHARACTER'],
    ['example%2ecom', 'CHARACTER'],
    ['evil.com%00.allowed.com', 'CHARACTER'],
    ['evil.com\\.allowed.com', 'CHARACTER'],
    ['evil.com/.allowed.com', 'CHARACTER'],
    ['evil.com?.allowed.com', 'CHARACTER'],
    ['evil.com#.allowed.com', 'CHARACTER'],
    ['allowed.com@evil.com', 'CHARACTER'],
    ['evil.com:80', 'CHARACTER'],
    ['*.example.com', 'CHARACTER'],
    ['a<b.com', 'CHARACTER'],
    ['a|b.com', 'CHARACTER'],
    ['a"b.com', 'CHARACTER'],
    ['a`b.com', 'CHARACTER'],
    ['evil.com／.allowed.com', 'UNPARSABLE'],
    ['evil.com\u2024allowed.com', 'UNPARSABLE'],
    ["a'b.com", 'LABEL'],
    ['a$b.com', 'LABEL'],
    ['a,b.com', 'LABEL'],
    ['a~b.com', 'LABEL'],
    ['[allowed.com]', 'BRACKETS'],
    ['[127.0.0.1]', 'BRACKETS'],
    ['[::1', 'BRACKETS'],
    ['[::1]x', 'BRACKETS'],
    ['[::1]]', 'BRACKETS'],
    ['[fe80::1%eth0]', 'BRACKETS'],
    ['[fe80::1%25eth0]', 'BRACKETS'],
    ['[::ffff:1.2.3.4%x.allowed.com]', 'BRACKETS'],
    ['[::ffff:0x7f.0.0.1]', 'BRACKETS'],
    ['[]', 'BRACKETS'],
    ['::1', 'CHARACTER'],
    ['localhost', 'LOCAL_NAME'],
    ['LOCALHOST.', 'LOCAL_NAME'],
    ['foo.localhost', 'LOCAL_NAME'],
    ['localhost.localdomain', 'LOCAL_NAME'],
    ['ip6-localhost', 'LOCAL_NAME'],
    ['printer.local', 'LOCAL_NAME'],
    ['x.onion', 'LOCAL_NAME'],
    ['intranet', 'LOCAL_NAME'],
    ['com', 'LOCAL_NAME'],
  ])('%j is refused: %s', (raw, refused) => expect(canonicalHost(raw)).toMatchObject({ refused }))

  it('is reached in one step, and is the host that a URL parser sees', () => {
    const label = fc.oneof(
      fc.constantFrom(
        'a',
        'B',
        'xn--bcher-kva',
        'ü',
        '0x1',
        '08',
        '1',
        '255',
        '-',
        '_',
        'ß',
        'e\u0301',
        '.',
        '',
        'com',
        'ſ',
        '。',
      ),
      fc.string({ unit: 'grapheme', maxLength: 3 }),
    )
    const hosts = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
    fc.assert(
      fc.property(hosts, (raw) => {
        const host = canonicalHost(raw)
        if ('refused' in host) return
        expect(canonicalHost(host.text)).toEqual(host)
        expect(new URL(`http://${raw}/`).hostname.replace(/\.$/, '')).toBe(host.text)
        expect(host.text).toMatch(/^[a-z0-9._-]+$/)
      }),
      { numRuns: 4_000 },
    )
  })

  it('an odd text takes no longer than a plain one', () => {
    // Backtracking would not end for these; the test would.
    for (const raw of ['a'.repeat(255), `${'a-'.repeat(120)}!`, `${'a.'.repeat(126)}-`])
      expect(canonicalHost(raw)).toHaveProperty('refused')
  })
})

describe('URLs', () => {
  it.each<[string, string, string]>([
    ['https://example.com', 'https://example.com:443', '/'],
    ['HTTPS://EXAMPLE.com:443/', 'https://example.com:443', '/'],
    ['http://example.com./x', 'http://example.com:80', '/x'],
    ['http://example.com:8080/a?b=c#d', 'http://example.com:8080', '/a?b=c'],
    ['https://example.com?x=1', 'https://example.com:443', '/?x=1'],
    ['https://example.com/?', 'https://example.com:443', '/'],
    ['https://example.com#x', 'https://example.com:443', '/'],
    ['https://example.com/a/../b/./c', 'https://example.com:443', '/b/c'],
    ['https://example.com/%2e%2e/b', 'https://example.com:443', '/b'],
    ['https://example.com//evil.com/', 'https://example.com:443', '//evil.com/'],
    ['https://example.com/@evil.com', 'https://example.com:443', '/@evil.com'],
    ['https://example.com/?u=http://evil.com:80/', 'https://example.com:443', '/?u=http://evil.com:80/'],
    ['https://example.com/ä?ü', 'https://example.com:443', '/%C3%A4?%C3%BC'],
    ['http://[::ffff:127.0.0.1]:3000/', 'http://127.0.0.1:3000', '/'],
    ['http://[0::1]:3000/', 'http://[::1]:3000', '/'],
  ])('%s contacts %s for %s', (raw, origin, path) => expect(parseTarget(raw)).toMatchObject({ origin, path }))

  it.each<[string, RefusalCode]>([
    ['', 'SCHEME'],
    ['example.com', 'SCHEME'],
    ['//example.com', 'SCHEME'],
    ['ftp://example.com', 'SCHEME'],
    ['file:///etc/passwd', 'SCHEME'],
    ['data:text/plain,x', 'SCHEME'],
    ['ws://example.com', 'SCHEME'],
    ['connect://0x7f.1:80', 'SCHEME'],
    ['javascript:alert(1)', 'SCHEME'],
    ['http:example.com', 'SCHEME'],
    ['http:/example.com', 'SCHEME'],
    ['http:///example.com', 'EMPTY'],
    ['http://', 'EMPTY'],
    ['http:\\\\example.com', 'CHARACTER'],
    ['http://evil.com\\.allowed.com/', 'CHARACTER'],
    ['http://127.1.1.1:80\\@127.2.2.2:80/', 'CHARACTER'],
    ['http://1.1.1.1 &@2.2.2.2# @3.3.3.3/', 'CHARACTER'],
    [' http://example.com', 'CHARACTER'],
    ['http://example.com/\r\nHost: evil', 'CHARACTER'],
    ['ht\ntp://example.com', 'CHARACTER'],
    ['http://exa\tmple.com', 'CHARACTER'],
    ['http://example.com/\0', 'CHARACTER'],
    ['https://allowed.com@evil.com', 'USERINFO'],
    ['https://@evil.com', 'USERINFO'],
    ['https://user:pass@example.com', 'USERINFO'],
    ['https://allowed.com:443@evil.com', 'USERINFO'],
    ['https://allowed.com%40evil.com', 'CHARACTER'],
    ['http://example.com:', 'PORT'],
    ['http://example.com:0', 'PORT'],
    ['http://example.com:080', 'PORT'],
    ['http://example.com:65536', 'PORT'],
    ['http://example.com:+80', 'PORT'],
    ['http://example.com:8o', 'PORT'],
    ['http://example.com:80:80', 'PORT'],
    ['http://[::1]:', 'PORT'],
    ['http://[::1]80', 'BRACKETS'],
    ['http://[allowed.com]:443', 'BRACKETS'],
    ['http://0x7f.1/', 'ADDRESS_SPELLING'],
    [`http://example.com/${'a'.repeat(17_000)}`, 'TOO_LONG'],
  ])('%j is refused: %s', (raw, refused) => expect(parseTarget(raw)).toMatchObject({ refused }))

  it('every reader of an accepted URL sees the same scheme, host, port and path', () => {
    const piece = fc.constantFrom(
      'http://',
      'https://',
      'HTTP://',
      'a.com',
      'b.org',
      '[::1]',
      '127.0.0.1',
      '1.2',
      ':',
      ':80',
      ':443',
      '@',
      '/',
      '//',
      '\\',
      '?',
      '#',
      '%2f',
      '%40',
      '..',
      '.',
      '\t',
      '\n',
      ' ',
      'ü',
      '\0',
      'x=1',
      '&',
      ';',
      '[',
      ']',
      '*',
      '|',
      "'",
      '^',
    )
    const texts = fc.array(piece, { minLength: 2, maxLength: 9 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(
        fc.oneof(
          texts,
          texts.map((text) => `https://a.com${text}`),
        ),
        (raw) => {
          const target = parseTarget(raw)
          if ('refused' in target) return
          for (const text of [raw, target.href]) {
            const url = new URL(text)
            expect(url.protocol).toBe(`${target.scheme}:`)
            expect(url.hostname.replace(/\.$/, '')).toBe(target.host.text)
            expect(Number(url.port || (url.protocol === 'https:' ? 443 : 80))).toBe(target.port)
            expect(url.pathname + url.search).toBe(target.path)
            expect(url.username + url.password).toBe('')
          }
          expect(parseTarget(target.href)).toEqual(target)
        },
      ),
      { numRuns: 6_000 },
    )
  })
})

describe('authorities, as CONNECT and Host name them', () => {
  it.each<[string, object]>([
    ['example.com:443', { host: { text: 'example.com' }, port: 443 }],
    ['EXAMPLE.com.', { host: { text: 'example.com' } }],
    ['[::1]:80', { host: { text: '[::1]' }, port: 80 }],
    ['0x7f.1:80', { refused: 'ADDRESS_SPELLING' }],
    ['2130706433:443', { refused: 'ADDRESS_SPELLING' }],
    ['LOCALHOST:443', { refused: 'LOCAL_NAME' }],
    ['[allowed.com]:443', { refused: 'BRACKETS' }],
    ['::1:443', { refused: 'EMPTY' }],
    ['allowed.com:443@evil.com', { refused: 'USERINFO' }],
    ['allowed.com:443/evil', { refused: 'PORT' }],
    [':443', { refused: 'EMPTY' }],
  ])('%s', (raw, expected) => expect(parseAuthority(raw)).toMatchObject(expected))
})
