// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets look like that
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFor } from '../../plugins/vault/encode.js'
import { hostMatches, hostPattern, isCanonicalHost, isLoopback } from '../../plugins/vault/host.js'
import { assertName, normaliseScope, scopeRefusal } from '../../plugins/vault/scope.js'
import { parseTemplate } from '../../plugins/vault/template.js'
import { assertValue, withoutLineEnd } from '../../plugins/vault/value.js'

const SCOPE = { hosts: ['api.example.com'], tools: ['test.api.*'], slots: ['header:authorization'] }

describe('a name', () => {
  it.each([[''], ['A'], ['.a'], ['a/b'], ['__proto__'], ['a'.repeat(65)], ['a b'], ['ä'], ['a\n']])(
    'is not %j',
    (name) => {
      expect(() => assertName(name)).toThrow(expect.objectContaining({ code: 'VAULT_NAME_INVALID' }))
    },
  )
  it.each([['a'], ['0'], ['constructor'], ['git_hub.token-2'], ['a'.repeat(64)]])('may be %j', (name) => {
    expect(() => assertName(name)).not.toThrow()
  })
})

describe('a value', () => {
  it.each([
    ['seven bytes', '1234567'],
    ['one character', 'aaaaaaaaaaaa'],
    ['a common word', 'Password'],
    ['a common word in white space', '  changeme \n'],
    ['counting', '12345678'],
    ['white space', `${' '.repeat(20)}abcd`],
    ['a JSON document', '{"type":"service_account","private_key":"abc"}'],
    ['a JSON list', '["one","two","three"]'],
    ['more than 64 KiB', `abcd${'x'.repeat(65_536)}`],
  ])('that could not be scrubbed is refused: %s', (_, value) => {
    const storing = () => assertValue('github', Buffer.from(value))
    expect(storing).toThrow(expect.objectContaining({ code: 'VAULT_VALUE_REFUSED' }))
    expect(storing).not.toThrow(value)
  })
  it.each([['aB3$eF7!'], ['{not json: at all}'], ["$&$1$$$`$'pass"], ['line\r\nbreak\0s'], ['héllo wörld'.repeat(3)]])(
    'of any other kind is taken: %j',
    (value) => expect(() => assertValue('github', Buffer.from(value))).not.toThrow(),
  )
  it.each([
    ['value\n', 'value'],
    ['value\r\n', 'value'],
    ['value\n\n', 'value\n'],
    ['value\r', 'value\r'],
    ['value', 'value'],
    ['\n', ''],
    ['', ''],
  ])('from a pipe loses one line end: %j', (given, taken) => {
    expect(withoutLineEnd(Buffer.from(given)).toString()).toBe(taken)
  })
})

describe('a scope', () => {
  it.each([
    ['no hosts', { ...SCOPE, hosts: [] }],
    ['every host', { ...SCOPE, hosts: ['*'] }],
    ['every host of a top level', { ...SCOPE, hosts: ['*.com'] }],
    ['a URL', { ...SCOPE, hosts: ['https://api.example.com'] }],
    ['a path', { ...SCOPE, hosts: ['api.example.com/x'] }],
    ['a user', { ...SCOPE, hosts: ['me@api.example.com'] }],
    ['a star inside', { ...SCOPE, hosts: ['api.*.example.com'] }],
    ['a star before an address', { ...SCOPE, hosts: ['*.10.0.0.1'] }],
    ['a host with a dot behind', { ...SCOPE, hosts: ['api.example.com.'] }],
    ['an escaped host', { ...SCOPE, hosts: ['api%2eexample.com'] }],
    ['no tools', { ...SCOPE, tools: [] }],
    ['no slots', { ...SCOPE, slots: [] }],
    ['an unknown place', { ...SCOPE, slots: ['cookie:a'] }],
    ['a header of two lines', { ...SCOPE, slots: ['header:a\r\nb'] }],
    ['too much', { ...SCOPE, hosts: Array.from({ length: 51 }, (_, i) => `h${i}.example.com`) }],
  ])('with %s is refused', (_, scope) => {
    expect(() => normaliseScope(scope)).toThrow(expect.objectContaining({ code: 'VAULT_SCOPE_INVALID' }))
  })

  it('comes into one canonical form, and stays in it', () => {
    const scope = normaliseScope({
      hosts: ['API.Example.com:443', 'bücher.example:8443', '*.Example.com', 'api.example.com', '0x7f.1', '[::1]'],
      tools: ['test.api.*', 'test.api.*'],
      slots: ['header:Authorization', 'query:Key'],
    })
    expect(scope).toEqual({
      hosts: ['*.example.com', '127.0.0.1', '[::1]', 'api.example.com', 'xn--bcher-kva.example:8443'],
      tools: ['test.api.*'],
      slots: ['header:authorization', 'query:Key'],
    })
    expect(normaliseScope(scope)).toEqual(scope)
  })

  const info = { name: 'n', scope: SCOPE, version: '1', state: 'current' } as const
  const use = { tool: 'test.api.get@v1', host: 'api.example.com', slot: 'header:authorization' }
  it.each([
    ['as meant', {}, {}, true],
    ['a header in another case', {}, { slot: 'header:AUTHORIZATION' }, true],
    ['another tool', {}, { tool: 'test.other.get@v1' }, false],
    ['a tool that begins alike', {}, { tool: 'test.api' }, false],
    ['another host', {}, { host: 'evil.com' }, false],
    ['another slot', {}, { slot: 'header:x-token' }, false],
    ['a slot that is none', {}, { slot: 'header:' }, false],
    ['disabled', { state: 'disabled' as const }, {}, false],
    ['expired a moment ago', { expiresAt: 1_000 }, {}, false],
    ['not yet expired', { expiresAt: 1_001 }, {}, true],
    ['nothing allowed', { scope: { hosts: [], tools: [], slots: [] } }, {}, false],
  ])('decides: %s', (_, about, change, allowed) => {
    expect(scopeRefusal({ ...info, ...about }, { ...use, ...change }, 1_000) === undefined).toBe(allowed)
  })

  it('matches tools as a regular expression of the same stars would', () => {
    const word = fc.stringMatching(/^[ab.]{0,6}$/)
    const pattern = fc.stringMatching(/^[ab.*]{1,8}$/)
    fc.assert(
      fc.property(pattern, word, (tools, tool) => {
        const reference = new RegExp(`^${tools.replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
        const found = scopeRefusal({ ...info, scope: { ...SCOPE, tools: [tools] } }, { ...use, tool }, 0) === undefined
        expect([tools, tool, found]).toEqual([tools, tool, reference.test(tool)])
      }),
    )
  })
})

describe('a host', () => {
  const PATTERNS = ['api.example.com', '*.internal.example', 'local.example:8443', '[2001:db8::1]']
  it.each([
    ['api.example.com', true],
    ['api.example.com:443', false],
    ['api.example.com:8443', false],
    ['API.example.com', false],
    ['api.example.com.', false],
    ['api.example.com.:8443', false],
    ['api.example.com.evil.com', false],
    ['evil-api.example.com', false],
    ['example.com', false],
    ['a.internal.example', true],
    ['a.b.internal.example', true],
    ['internal.example', false],
    ['.internal.example', false],
    ['evilinternal.example', false],
    ['a.internal.example.attacker.com', false],
    ['attacker.com/a.internal.example', false],
    ['attacker.com#.internal.example', false],
    ['attacker.com@a.internal.example', false],
    ['a@internal.example', false],
    ['a..internal.example', false],
    ['a%2einternal.example', false],
    ['local.example:8443', true],
    ['local.example', false],
    ['[2001:db8::1]', true],
    ['[2001:DB8::1]', false],
    ['[2001:db8:0::1]', false],
    ['аpi.example.com', false],
    ['xn--pi-6kc.example.com', false],
    ['', false],
    [' api.example.com', false],
    ['api.example.com\n', false],
  ])('%j matches: %j', (host, matches) => {
    expect(hostMatches(PATTERNS, host)).toBe(matches)
  })

  it('is never matched in a form that a URL parser would change', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.domain(), fc.webAuthority({ withUserInfo: true, withPort: true }), fc.string()),
        (host) => {
          if (!isCanonicalHost(host)) return
          const url = new URL(`https://${host}/`)
          expect([url.host, url.username, url.pathname]).toEqual([host, '', '/'])
          expect(hostPattern(host)).toBe(host)
        },
      ),
    )
  })

  it.each([
    ['127.0.0.1', true],
    ['127.8.9.1:8080', true],
    ['[::1]:80', true],
    ['localhost', false],
    ['127.0.0.1.evil.com', false],
    ['128.0.0.1', false],
    ['0177.0.0.1', false],
  ])('%s is this machine: %j', (host, own) => {
    expect(isLoopback(host)).toBe(own)
  })
})

describe('a slot encodes', () => {
  const decoders: Readonly<Record<string, (text: string) => string>> = {
    'query:key': decodeURIComponent,
    'path:key': decodeURIComponent,
    'form:key': (text) => decodeURIComponent(text.replaceAll('+', ' ')),
    'json:/key': (text) => JSON.parse(`"${text}"`) as string,
  }
  it.each(Object.entries(decoders))('%s so that the other end reads the value and nothing else', (slot, decode) => {
    fc.assert(
      fc.property(fc.string({ minLength: 3, unit: 'binary' }), (value) => {
        const encoded = encodeFor(slot, Buffer.from(value))
        const text = 'text' in encoded ? encoded.text : undefined
        expect(text === undefined ? undefined : decode(text)).toBe(Buffer.from(value).toString())
        if (!slot.startsWith('json')) expect(text).toMatch(/^[A-Za-z0-9\-_.~%+]*$/)
      }),
    )
  })

  it.each([['\r'], ['\n'], ['\0'], ['\t'], ['\x7f'], ['é'], [' leading'], ['trailing '], ['']])(
    'no header for a value with %j',
    (part) => {
      const value = part.trim() === '' && part !== '' ? `sec${part}ret` : part
      expect(encodeFor('header:authorization', Buffer.from(value))).toHaveProperty('problem')
    },
  )
  it('a header as it is', () => {
    const value = 'tok-$&$1-${vault:other} \'quoted\' "too"'
    expect(encodeFor('header:authorization', Buffer.from(value))).toEqual({ text: value })
  })
  it.each([['.'], ['..']])('no path segment %j', (value) => {
    expect(encodeFor('path:id', Buffer.from(value))).toHaveProperty('problem')
  })
  it.each([['header:a'], ['query:a'], ['json:/a']])('no bytes that are not text into %s', (slot) => {
    expect(encodeFor(slot, Buffer.from([0xff, 0xfe, 0x41]))).toHaveProperty('problem')
  })
})

describe('a template', () => {
  it.each([
    ['Bearer ${vault:github}', ['Bearer ', { secret: 'github' }]],
    ['${vault:a}:${vault:b}', [{ secret: 'a' }, ':', { secret: 'b' }]],
    ['no secret ${env:HOME} $vault:x {vault:y}', ['no secret ${env:HOME} $vault:x {vault:y}']],
    ['', []],
    ['$${vault:a}', ['$', { secret: 'a' }]],
  ])('%j is read into its parts', (text, parts) => {
    expect(parseTemplate(text).parts).toEqual(parts)
  })
  it.each([
    ['${vault:'],
    ['${vault:}'],
    ['${vault:A}'],
    ['${vault:a b}'],
    ['${vault:${vault:a}}'],
    ['${vault:a'],
    ['${vault:a}'.repeat(40)],
  ])('%j is refused', (text) =>
    expect(() => parseTemplate(text)).toThrow(expect.objectContaining({ code: 'SECRET_TEMPLATE' })),
  )
})
