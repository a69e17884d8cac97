import { canonical, deepFreeze, digest, type Json, sha256, snapshot } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const RUNS = process.env['CLONED_LONG'] === '1' ? 20_000 : 1_000

/** The double with these bits. */
function double(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, bits)
  return view.getFloat64(0)
}

describe('the canonical text', () => {
  // RFC 8785, appendix B. Left out: the two rows of NaN and infinity, which are refused below.
  const numbers: [bits: bigint, text: string][] = [
    [0x0000000000000000n, '0'],
    [0x8000000000000000n, '0'],
    [0x0000000000000001n, '5e-324'],
    [0x8000000000000001n, '-5e-324'],
    [0x7fefffffffffffffn, '1.7976931348623157e+308'],
    [0xffefffffffffffffn, '-1.7976931348623157e+308'],
    [0x4340000000000000n, '9007199254740992'],
    [0xc340000000000000n, '-9007199254740992'],
    [0x4430000000000000n, '295147905179352830000'],
    [0x44b52d02c7e14af5n, '9.999999999999997e+22'],
    [0x44b52d02c7e14af6n, '1e+23'],
    [0x44b52d02c7e14af7n, '1.0000000000000001e+23'],
    [0x444b1ae4d6e2ef4en, '999999999999999700000'],
    [0x444b1ae4d6e2ef4fn, '999999999999999900000'],
    [0x444b1ae4d6e2ef50n, '1e+21'],
    [0x3eb0c6f7a0b5ed8cn, '9.999999999999997e-7'],
    [0x3eb0c6f7a0b5ed8dn, '0.000001'],
    [0x41b3de4355555553n, '333333333.3333332'],
    [0x41b3de4355555554n, '333333333.33333325'],
    [0x41b3de4355555555n, '333333333.3333333'],
    [0x41b3de4355555556n, '333333333.3333334'],
    [0x41b3de4355555557n, '333333333.33333343'],
    [0xbecbf647612f3696n, '-0.0000033333333333333333'],
    [0x43143ff3c1cb0959n, '1424953923781206.2'],
  ]
  it.each(numbers)('writes the double %i as RFC 8785 does', (bits, text) => {
    expect(canonical(double(bits))).toBe(text)
  })

  it('sorts keys by their UTF-16 units, at every level', () => {
    // RFC 8785, section 3.2.3.
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\u{1f600}': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    }
    const order = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\u{1f600}', '\ufb33']
    expect(Object.keys(JSON.parse(canonical({ in: [value] })).in[0])).toHaveLength(order.length)
    const places = order.map((key) => canonical(value).indexOf(JSON.stringify(key)))
    expect(places).toEqual([...places].sort((a, b) => a - b))
  })

  it('writes literals and strings as RFC 8785 does', () => {
    // RFC 8785, section 3.2.2.
    const value = {
      numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000f\u000aA\'\u0042\u0022\u005c\\"/',
      literals: [null, true, false],
    }
    expect(canonical(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })

  it('reads back as the value, and is the same for every order of keys', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (given) => {
        const value = snapshot(withoutBadText(given))
        expect(JSON.parse(canonical(value))).toEqual(value)
        expect(canonical(reversed(value))).toBe(canonical(value))
        expect(digest(reversed(value))).toBe(digest(value))
        expect(digest(value)).toBe(sha256(canonical(value)))
      }),
      { numRuns: RUNS },
    )
  })

  it('tells different values apart', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (one, other) => {
        const [a, b] = [snapshot(withoutBadText(one)), snapshot(withoutBadText(other))]
        const same = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
        expect(canonical(a) === canonical(b)).toBe(same)
      }),
      { numRuns: RUNS },
    )
  })
})

describe('a snapshot', () => {
  it('is a deep-frozen copy that later changes do not reach', () => {
    const inner = { list: [1, { deep: true }] }
    const copy = snapshot(inner) as typeof inner
    inner.list.push(2)
    expect(copy).toEqual({ list: [1, { deep: true }] })
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen))
    expect(frozen(copy)).toBe(true)
  })

  it('makes one number of 0 and -0, as their text is one', () => {
    expect(Object.is(snapshot(-0), 0)).toBe(true)
  })

  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = [cyclic]
  const refused: [string, unknown, path: string][] = [
    ['undefined', undefined, '/'],
    ['a function', { f: () => 1 }, '/f'],
    ['a bigint', { n: 1n }, '/n'],
    ['a symbol', [Symbol('s')], '/0'],
    ['NaN', { a: [0, Number.NaN] }, '/a/1'],
    ['infinity', { a: Number.POSITIVE_INFINITY }, '/a'],
    ['a cycle', cyclic, '/self/0'],
    ['a date', { d: new Date(0) }, '/d'],
    ['a map', new Map(), '/'],
    ['a class instance', { c: new (class A {})() }, '/c'],
    ['an object that inherits', Object.create({ a: 1 }), '/'],
    ['a hole in an array', Object.assign([1], { 2: 2 }), '/1'],
    ['undefined in an array', [1, undefined], '/1'],
    ['an undefined property', { a: undefined }, '/a'],
    [
      'an accessor',
      {
        get a() {
          return 1
        },
      },
      '/a',
    ],
    ['a symbol key', { [Symbol('s')]: 1 }, '/'],
    ['the key __proto__', JSON.parse('{"a":{"__proto__":{"admin":true}}}'), '/a/__proto__'],
    ['half a surrogate pair', { s: '\ud800' }, '/s'],
    ['half a surrogate pair in a key', { '\udc00': 1 }, '/\udc00'],
    ['a boxed string', { s: Object('text') }, '/s'],
    [
      'a proxy whose traps throw',
      {
        p: new Proxy(
          {},
          {
            getPrototypeOf: () => {
              throw new Error('trap')
            },
          },
        ),
      },
      '/p',
    ],
    ['a path with / and ~ in it', { 'a/b': { 'c~d': undefined } }, '/a~1b/c~0d'],
  ]
  it.each(refused)('refuses %s and says where', (_, value, path) => {
    expect(() => snapshot(value)).toThrow(
      expect.objectContaining({ code: 'VALUE_NOT_JSON', params: expect.objectContaining({ path }) }),
    )
  })

  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])
  const large: [string, unknown, boolean][] = [
    ['as deep as allowed', nested(4), true],
    ['one level deeper', nested(5), false],
    ['as large as allowed', 'x'.repeat(100), true],
    ['one unit larger', 'x'.repeat(101), false],
    ['many small values', Array.from({ length: 20 }, () => 0), false],
    ['long keys', { ['k'.repeat(101)]: null }, false],
  ]
  it.each(large)('of a value %s', (_, value, fits) => {
    const take = () => snapshot(value, { depth: 4, bytes: 100 })
    if (fits) expect(take()).toEqual(value)
    else expect(take).toThrow(expect.objectContaining({ code: 'VALUE_TOO_LARGE' }))
  })

  it('takes the same object twice where it is no cycle', () => {
    const shared = { a: 1 }
    expect(snapshot([shared, shared])).toEqual([shared, shared])
  })

  it('never changes a prototype', () => {
    expect(() => snapshot(JSON.parse('{"__proto__":{"polluted":true}}'))).toThrow()
    expect(snapshot(JSON.parse('{"constructor":{"prototype":{"polluted":true}}}'))).toBeTruthy()
    expect('polluted' in {}).toBe(false)
  })
})

it('deepFreeze freezes everything in a plain value', () => {
  const value = deepFreeze({ a: [{ b: 1 }] })
  expect(Object.isFrozen(value) && Object.isFrozen(value.a) && Object.isFrozen(value.a[0])).toBe(true)
})

/** fast-check makes halves of surrogate pairs and `__proto__` keys, which a snapshot refuses. */
function withoutBadText(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (Array.isArray(value)) return value.map(withoutBadText)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([key]) => key !== '__proto__')
  return Object.fromEntries(entries.map(([key, part]) => [key.toWellFormed(), withoutBadText(part)]))
}

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, part]) => [key, reversed(part)]),
  )
}

function sorted(value: Json): unknown {
  if (Array.isArray(value)) return ['list', ...value.map(sorted)]
  if (typeof value !== 'object' || value === null) return value
  const keys = Object.keys(value).sort()
  return { keys, values: keys.map((key) => sorted((value as Record<string, Json>)[key] as Json)) }
}
