import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createScrubber, type Scanner } from '../../plugins/scrub/index.js'

/** A scrubber and the hits it reported. */
function scrubberWith(secrets: Readonly<Record<string, string | Uint8Array>>) {
  const hits: [string, Record<string, number>][] = []
  const scrubber = createScrubber(({ sink }, found) => hits.push([sink, Object.fromEntries(found)]))
  for (const [name, value] of Object.entries(secrets)) scrubber.register(name, Buffer.from(value))
  return { scrubber, hits }
}

const text = (scrubber: Scanner, value: string) => scrubber.text(value, 'test')

/** How others write a value. Written anew here, so that a form that the scrubber forgets is not forgotten here too. */
const ENCODINGS: Readonly<Record<string, (value: string) => string>> = {
  'as it is': (value) => value,
  JSON: (value) => JSON.stringify({ value }),
  'JSON in JSON': (value) => JSON.stringify({ body: JSON.stringify([value]) }),
  'JSON with escaped slashes': (value) => JSON.stringify(value).replaceAll('/', '\\/'),
  'ASCII JSON': (value) =>
    JSON.stringify(value).replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  'JSON safe in HTML': (value) =>
    JSON.stringify(value).replace(/[<>&]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  'a URL component': (value) => encodeURIComponent(value),
  'a URL component in small letters': (value) => encodeURIComponent(value).replace(/%../g, (c) => c.toLowerCase()),
  'a strict URL component': (value) =>
    encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
  'a query of URL': (value) => new URL(`https://host.test/?${new URLSearchParams({ value })}`).href,
  'a form': (value) => new URLSearchParams({ value }).toString(),
  'every byte by percent': (value) =>
    [...Buffer.from(value)].map((b) => `%${b.toString(16).padStart(2, '0')}`).join(''),
  HTML: (value) =>
    value.replace(/[&<>"']/g, (c) => `&${{ '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' }[c]};`),
  hex: (value) => Buffer.from(value).toString('hex'),
  HEX: (value) => Buffer.from(value).toString('hex').toUpperCase(),
}

/** Characters that some encoding treats in its own way, and others. */
const value = fc
  .string({
    unit: fc.constantFrom(...'abcXYZ019_-+/=.~ !\'"()*$&%<>\\\n\t', 'ä', '漢', '😀'),
    minLength: 8,
    maxLength: 80,
  })
  .filter((s) => new Set(Buffer.from(s)).size >= 4 && s.trim() === s)
const filler = fc.string({ unit: fc.constantFrom(...'abc 019{}":,.\n', 'é', '😀'), maxLength: 60 })

describe('a registered secret', () => {
  it.each(Object.keys(ENCODINGS))('does not get through as %s', (name) => {
    const encode = ENCODINGS[name] as (value: string) => string
    fc.assert(
      fc.property(value, filler, filler, (secret, before, after) => {
        const { scrubber, hits } = scrubberWith({ key: secret })
        const encoded = encode(secret)
        const scrubbed = text(scrubber, before + encoded + after)
        expect(scrubbed).not.toContain(encoded)
        expect(scrubbed).toContain('[REDACTED:vault:key]')
        expect(hits.length).toBe(1)
        const part = text(scrubber, encoded)
        expect(scrubber.json({ [encoded]: [before, encoded + after] }, 'test')).toEqual({
          [part]: [before, text(scrubber, encoded + after)],
        })
      }),
    )
  })

  it('does not get through in base64, at any alignment and in both alphabets', () => {
    const bytes = fc.uint8Array({ minLength: 8, maxLength: 60 }).filter((b) => new Set(b).size >= 4)
    fc.assert(
      fc.property(bytes, fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ maxLength: 9 }), (secret, before, after) => {
        const { scrubber } = scrubberWith({ key: secret })
        const whole = Buffer.concat([before, secret, after])
        for (const alphabet of ['base64', 'base64url'] as const) {
          const scrubbed = text(scrubber, `data:${whole.toString(alphabet)};`)
          expect(scrubbed).toContain('[REDACTED:vault:key]')
          // What is left on either side holds less than a byte of the secret, and padding.
          const [left = '', right = ''] = scrubbed.slice(5, -1).split('[REDACTED:vault:key]')
          expect((left.length * 6) / 8).toBeLessThanOrEqual(before.length + 1)
          expect((right.replaceAll('=', '').length * 6) / 8).toBeLessThanOrEqual(after.length + 1)
        }
      }),
    )
  })

  it('does not get through in UTF-16, as a file of Windows holds it', () => {
    const { scrubber } = scrubberWith({ key: 'correct horse' })
    const file = Buffer.from('\ufeffkey: correct horse\r\n', 'utf16le')
    expect(Buffer.from(scrubber.bytes(file, 'test')).includes(Buffer.from('horse', 'utf16le'))).toBe(false)
  })

  it('does not get through without the line feed that its file ended with', () => {
    const { scrubber } = scrubberWith({ key: 'correct horse\n' })
    expect(text(scrubber, 'Bearer correct horse;')).toBe('Bearer [REDACTED:vault:key];')
  })

  it('does not get through when bytes were read as Latin-1', () => {
    const secret = Buffer.from('a9f3c1e07b5588d2ff', 'hex')
    const { scrubber } = scrubberWith({ key: secret })
    expect(text(scrubber, `<${secret.toString('latin1')}>`)).toBe('<[REDACTED:vault:key]>')
  })

  it.each([
    ["'$&'", '$& $1 $` $$ value'],
    ['a regular expression', '(a+)+$|[^x]{2,}'],
    ['a marker', '[REDACTED:vault:other]'],
    ['a reference', '${' + 'vault:other}'],
  ])('that looks like %s is replaced literally', (_, secret) => {
    const { scrubber } = scrubberWith({ key: secret })
    expect(text(scrubber, `a ${secret} b`)).toBe('a [REDACTED:vault:key] b')
  })

  it('is known by its first name', () => {
    const { scrubber } = scrubberWith({ first: 'correct horse', second: 'correct horse' })
    expect(text(scrubber, 'correct horse')).toBe('[REDACTED:vault:first]')
  })

  it('stays known after another value came under its name', () => {
    const { scrubber } = scrubberWith({ key: 'the old value' })
    scrubber.register('key', Buffer.from('the new value'))
    expect(text(scrubber, 'the old value, the new value')).toBe('[REDACTED:vault:key], [REDACTED:vault:key]')
  })

  it('stays known through a hundred changes, and no longer: memory has an end', () => {
    const { scrubber } = scrubberWith({ other: 'other-value', key: 'value-0-of-key' })
    for (let i = 1; i < 100; i++) scrubber.register('key', Buffer.from(`value-${i}-of-key`))
    expect(text(scrubber, 'value-0-of-key')).toBe('[REDACTED:vault:key]')
    scrubber.register('key', Buffer.from('value-100-of-key'))
    expect(text(scrubber, 'value-0-of-key value-1-of-key')).toBe('value-0-of-key [REDACTED:vault:key]')
    expect(text(scrubber, 'other-value value-100-of-key')).toBe('[REDACTED:vault:other] [REDACTED:vault:key]')
  })

  it('keeps a form that it shares with a value that is forgotten', () => {
    const { scrubber } = scrubberWith({ key: Buffer.from('abcdefgh').toString('hex'), other: 'abcdefgh' })
    for (let i = 0; i < 100; i++) scrubber.register('key', Buffer.from(`value-${i}-of-key`))
    expect(text(scrubber, Buffer.from('abcdefgh').toString('hex'))).toBe('[REDACTED:vault:other]')
  })

  it('is copied: wiping the bytes that were registered does not forget it', () => {
    const { scrubber } = scrubberWith({})
    const bytes = Buffer.from('correct horse')
    scrubber.register('key', bytes)
    bytes.fill(0)
    expect(text(scrubber, 'correct horse')).toBe('[REDACTED:vault:key]')
  })
})

describe('values that cannot be told from ordinary text are refused', () => {
  it.each([
    ['short', 'abcdefg', 'shorter than 8 bytes'],
    ['empty', '', 'shorter than 8 bytes'],
    ['of few bytes', '0000000000000001', 'fewer than 4 different bytes'],
    ['huge', 'abcd'.repeat(16 * 1024 + 1), 'longer than 65536 bytes'],
  ])('%s', (_, secret, problem) => {
    const { scrubber } = scrubberWith({})
    expect(() => scrubber.register('key', Buffer.from(secret))).toThrow(
      expect.objectContaining({ code: 'SECRET_UNSCRUBBABLE', message: expect.stringContaining(problem) }),
    )
  })
})

describe('secrets in each other', () => {
  const cases: readonly [string, Record<string, string>, string, string][] = [
    [
      'the longer one names both',
      { part: 'secret-part', whole: 'a-secret-part-b' },
      'x a-secret-part-b y',
      'x [whole] y',
    ],
    ['the part alone is found too', { part: 'secret-part', whole: 'a-secret-part-b' }, 'x secret-part y', 'x [part] y'],
    ['a longer one at the same place wins', { short: 'prefixed', long: 'prefixed-tail' }, 'prefixed-tail', '[long]'],
    ['overlapping ones leave nothing of either', { a: 'abcdefgh', b: 'efghijkl' }, 'abcdefghijkl.', '[a][b].'],
    [
      'an overlap of three leaves nothing',
      { a: 'abcdefgh', b: 'efghijkl', c: 'ijklmnop' },
      'abcdefghijklmnop',
      '[a][b][c]',
    ],
    ['one that overlaps itself leaves nothing', { a: 'abcdabcd' }, '<abcdabcdabcdabc>', '<[a]abc>'],
    ['neighbours get a marker each', { a: 'abcdefgh' }, 'abcdefghabcdefgh', '[a][a]'],
    [
      'one that is the base64 of another keeps its name',
      { a: 'YWJjZGVmZ2g', b: 'abcdefgh' },
      'YWJjZGVmZ2g= abcdefgh',
      '[a]= [b]',
    ],
  ]
  it.each(cases)('%s', (_, secrets, input, expected) => {
    const { scrubber } = scrubberWith(secrets)
    expect(text(scrubber, input)).toBe(expected.replace(/\[(\w+)\]/g, '[REDACTED:vault:$1]'))
  })
})

describe('what holds no secret', () => {
  it('comes back as it is', () => {
    const json = fc.jsonValue().filter((v) => v !== undefined)
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 20 }), json, fc.uint8Array(), (secrets, data, bytes) => {
        const { scrubber, hits } = scrubberWith(Object.fromEntries(secrets.map((s, i) => [`key${i}`, s])))
        const plain = JSON.stringify(data)
        if (secrets.some((secret) => plain.includes(secret))) return
        expect(scrubber.json(data as never, 'test')).toBe(data)
        expect(scrubber.text(plain, 'test')).toBe(plain)
        expect(scrubber.bytes(bytes, 'test')).toBe(bytes)
        const stream = scrubber.stream('test')
        expect(Buffer.concat([stream.write(bytes), stream.end()])).toEqual(Buffer.from(bytes))
        expect(hits).toEqual([])
      }),
    )
  })

  it('comes back as it is while no secret is registered', () => {
    const { scrubber } = scrubberWith({})
    const bytes = Buffer.from('anything at all')
    expect(scrubber.bytes(bytes, 'test')).toBe(bytes)
    expect(scrubber.json({ a: [1, 'b'] }, 'test')).toEqual({ a: [1, 'b'] })
  })
})

describe('a search for many patterns', () => {
  it('finds what a search for each of them finds', () => {
    // Two letters: overlaps, shared beginnings and near misses everywhere.
    const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 400 })
    const secret = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 4, maxLength: 20 }).map((s) => `a${s}bXY`)
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 12 }),
        fc.array(letters, { maxLength: 8 }),
        (secrets, parts) => {
          const { scrubber } = scrubberWith(Object.fromEntries(secrets.map((s, i) => [`k${i}`, s])))
          const data = parts.map((part, i) => part + (secrets[i % secrets.length] ?? '')).join('')
          const left = text(scrubber, data)
          // Every letter that a simple search finds in some secret is gone, and no other.
          const hidden = new Set<number>()
          for (const each of secrets) {
            for (let at = data.indexOf(each); at >= 0; at = data.indexOf(each, at + 1)) {
              for (let i = 0; i < each.length; i++) hidden.add(at + i)
            }
          }
          const kept = [...data].filter((_, i) => !hidden.has(i)).join('')
          expect(left.replace(/\[REDACTED:vault:k\d+\]/g, '')).toBe(kept)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('a JSON value', () => {
  const { scrubber } = scrubberWith({ key: 'correct horse', digits: '8675309186753' })
  it.each([
    ['strings at any depth', { a: [{ b: 'correct horse' }] }, { a: [{ b: '[REDACTED:vault:key]' }] }],
    ['keys', { 'correct horse': 1 }, { '[REDACTED:vault:key]': 1 }],
    ['numbers', [8675309186753, 8675309], ['[REDACTED:vault:digits]', 8675309]],
    ['fractions that hold one', 0.8675309186753, '0.[REDACTED:vault:digits]'],
    [
      'keys that become equal, without losing one',
      { 'correct horse': 1, 'correct%20horse': 2, [Buffer.from('correct horse').toString('hex')]: 3 },
      { '[REDACTED:vault:key]': 1, '[REDACTED:vault:key]#2': 2, '[REDACTED:vault:key]#3': 3 },
    ],
  ])('is scrubbed in its %s', (_, input, expected) => {
    expect(scrubber.json(input, 'test')).toEqual(expected)
  })

  it('keeps a key "__proto__" a key', () => {
    const scrubbed = scrubber.json(JSON.parse('{"__proto__":"correct horse"}'), 'test')
    expect(JSON.stringify(scrubbed)).toBe('{"__proto__":"[REDACTED:vault:key]"}')
    expect(Object.getPrototypeOf(scrubbed)).toBe(Object.prototype)
  })

  it('keeps the parts that hold no secret, the same objects', () => {
    const input = { plain: { a: 1 }, other: 'correct horse' }
    expect((scrubber.json(input, 'test') as typeof input).plain).toBe(input.plain)
  })
})

describe('a stream', () => {
  it('comes out as its whole would, wherever its chunks end', () => {
    const part = fc.oneof(
      fc.constantFrom('abcdefgh', 'efghijkl', 'a-abcdefgh-b', Buffer.from('efghijkl').toString('base64')),
      filler,
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(40), { maxLength: 30 }), (parts, cuts) => {
        const { scrubber, hits } = scrubberWith({ a: 'abcdefgh', b: 'efghijkl', c: 'a-abcdefgh-b' })
        const whole = Buffer.from(parts.join(''))
        const expected = Buffer.from(scrubber.bytes(whole, 'whole'))
        const stream = scrubber.stream('stream')
        const out: Uint8Array[] = []
        let at = 0
        for (const cut of cuts) {
          // The memory of a chunk belongs to the caller again as soon as its answer was used.
          const chunk = Buffer.from(whole.subarray(at, at + cut))
          out.push(Buffer.from(stream.write(chunk)))
          chunk.fill(0)
          at += cut
        }
        out.push(Buffer.from(stream.write(whole.subarray(at))), Buffer.from(stream.end()))
        expect(Buffer.concat(out).toString()).toBe(expected.toString())
        const count = (sink: string) =>
          hits
            .filter(([where]) => where === sink)
            .reduce((sum, [, found]) => sum + Object.values(found).reduce((a, b) => a + b), 0)
        expect(count('stream')).toBe(count('whole'))
      }),
      { numRuns: 500 },
    )
  })

  it('holds a secret back at every place it may be cut, in every form', () => {
    const secret = 'p@ss/"wörd"&more'
    for (const encode of Object.values(ENCODINGS)) {
      const { scrubber } = scrubberWith({ key: secret })
      const whole = Buffer.from(`before ${encode(secret)} after`)
      const expected = Buffer.from(scrubber.bytes(whole, 'whole')).toString()
      for (let cut = 0; cut <= whole.length; cut++) {
        const stream = scrubber.stream('test')
        const out = [stream.write(whole.subarray(0, cut)), stream.write(whole.subarray(cut)), stream.end()]
        expect(Buffer.concat(out).toString()).toBe(expected)
      }
    }
  })

  it('passes on at once what cannot be the start of a secret', () => {
    const { scrubber } = scrubberWith({ key: 'correct horse' })
    const stream = scrubber.stream('test')
    expect(Buffer.from(stream.write(Buffer.from('data: {"n":1}\n\n'))).toString()).toBe('data: {"n":1}\n\n')
    expect(Buffer.from(stream.write(Buffer.from('so far correct ho'))).toString()).toBe('so far ')
    expect(Buffer.from(stream.write(Buffer.from('use'))).toString()).toBe('correct house')
  })
})

it('hits are reported by name and count, never with a value', () => {
  const { scrubber, hits } = scrubberWith({ a: 'correct horse', b: 'battery staple' })
  scrubber.json(['correct horse', { 'battery staple': 'correct horse, correct horse' }], 'events')
  scrubber.text('nothing', 'log')
  expect(hits).toEqual([['events', { a: 3, b: 1 }]])
})

it('names what it would find without reporting it', () => {
  const { scrubber, hits } = scrubberWith({ b: 'correct horse', a: 'battery staple' })
  expect(scrubber.names({ x: 'correct horse', y: ['battery staple'] })).toEqual(['a', 'b'])
  expect(hits).toEqual([])
})
