// Patterns matched without trying ways in turn: each answers as the engine of the language does, and in bounded steps.
import { Script } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileRegex, linear } from '../../kernel/regex.js'
import { freshSteps, TooLong } from '../../kernel/steps.js'

const one = fc.constantFrom(
  ...[
    'a',
    'b',
    '-',
    '😀',
    'é',
    '.',
    '\\d',
    '\\W',
    '\\s',
    '[ab]',
    '[^a]',
    '[^]',
    '[]',
    '[a-c-]',
    '[\\]a]',
    '\\u{1F600}',
  ],
  ...[
    '\\uD83D\\uDE00',
    '\\uD83D',
    '[\\uD83D]',
    '\\u0061',
    '\\x62',
    '\\cJ',
    '\\0',
    '\\n',
    '\\p{L}',
    '\\P{Lu}',
    '\\/',
    '\\-',
  ].filter((each) => each !== '\\-'),
)
const count = fc.constantFrom('', '*', '+', '?', '*?', '+?', '??', '{2}', '{0}', '{1,}', '{1,3}', '{0,2}?')
const atomCount = fc.oneof(count, fc.constant('{2,12}'))
const pattern: fc.Arbitrary<string> = fc.letrec<{ any: string; term: string }>((tie) => ({
  any: fc
    .array(fc.array(tie('term'), { maxLength: 3 }), { minLength: 1, maxLength: 3 })
    .map((options) => options.map((parts) => parts.join('')).join('|')),
  term: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.tuple(one, atomCount).map(([atom, times]) => atom + times),
    fc.constantFrom('^', '$', '\\b', '\\B'),
    fc
      .tuple(fc.constantFrom('(', '(?:', '(?<n>'), tie('any'), count)
      .map(([open, body, times]) => `${open}${body})${times}`),
    fc.tuple(fc.constantFrom('(?=', '(?!', '(?<=', '(?<!'), tie('any')).map(([open, body]) => `${open}${body})`),
  ),
})).any
const text = fc
  .array(fc.constantFrom('a', 'b', 'c', '-', ' ', '1', 'é', '\n', '\0', '😀', '\uD83D', '\uDE00', 'A', '/'), {
    maxLength: 10,
  })
  .map((characters) => characters.join(''))

/**
 * As the specification says it: from each character on. The engine itself also begins within one (V8). Undefined where
 * the engine tries one way after another for too long, which is what the patterns under test are kept from.
 */
function matches(source: string, texts: string[]): boolean[] | undefined {
  try {
    return asked.runInNewContext({ source, texts }, { timeout: 1_000 }) as boolean[]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined
    throw error
  }
}

const asked = new Script(`
  const engine = new RegExp(source, 'uy')
  texts.map((text) => {
    const starts = [0]
    for (const each of text) starts.push(starts.at(-1) + each.length)
    return starts.some((start) => {
      engine.lastIndex = start
      return engine.test(text)
    })
  })
`)

/** A name of a group may be there twice. */
function isValid(source: string): boolean {
  try {
    return Boolean(new RegExp(source, 'u'))
  } catch {
    return false
  }
}

const RUNS = Number(process.env['CLONED_RUNS'] ?? 1000)

describe('a pattern', () => {
  it('matches what the engine of the language matches', () => {
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 6 }), (source, texts) => {
        fc.pre(isValid(source) && source.split(/\(\?<?[=!]/).length <= 16)
        const wanted = matches(source, texts)
        fc.pre(wanted !== undefined)
        for (const regex of [linear(source), compileRegex(source)]) {
          freshSteps(3_000_000)
          expect([source, texts, texts.map((each) => regex.test(each))]).toEqual([source, texts, [...(wanted ?? [])]])
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('does not begin between the halves of a character', () => {
    freshSteps(1_000)
    expect(compileRegex('\\B').test('a😀a')).toBe(false)
    expect(compileRegex('\\B').test('a😀😀a')).toBe(true)
  })

  // What each is a text for that takes the engine of the language for ever, or a time that grows with its square.
  it.each([
    ['(a*)*b$', 'a', ''],
    ['^(a|a)*b$', 'a', ''],
    ['^([a-z]+)+$', 'a', '!'],
    ['(?:\\w|\\d)+$', 'a', '!'],
    ['(x+x+)+y', 'x', ''],
    ['^(a?a?)+b$', 'a', ''],
    ['(.*,){11}P', '1,', ''],
    ['[a-z]+$', 'a', '!'],
    ['\\s+$', ' ', '!'],
    ['a*a*a*a*b', 'a', ''],
    ['^(?=.*.*.*x)a', 'a', ''],
    ['(?<=a+a+b)c', 'a', 'c'],
    ['a{100}b', 'a', ''],
    ['^a*a{400}b', 'a', ''],
    ['(?:a{30}b?){2}c', 'a', ''],
    ['^.{0,40}.{0,40}.{0,40}.{0,40}x$', 'a', ''],
  ])('%s takes steps in proportion to the text', (source, part, end) => {
    const regex = compileRegex(source)
    freshSteps(3_000_000)
    expect(regex.test(part.repeat(5_000) + end)).toBe(false)
  })

  it.each([
    ['(a)\\1', 'refers back'],
    ['(?<n>a)\\k<n>', 'refers back'],
    ['(', 'no regular expression'],
    ['a'.repeat(2_001), 'too long'],
    ['(?:a{1000}b){1000}', 'too large'],
    ['(?:|){1000000000}x*y*', 'too large'],
    ['(?=a)'.repeat(17), 'too often'],
    [`^(\\w+ ?)+$|x{${'9'.repeat(310)}}`, 'too large'],
    [`^(\\w+ ?)+$|x{1,${'9'.repeat(310)}}`, 'too large'],
    ['a{50000}b', 'too large'],
    ['^a*a{20000}b', 'too large'],
  ])('%s is refused, and said why', (source, why) => {
    expect(() => compileRegex(source)).toThrow(why)
  })

  it.each(['(?:a*b*)*c', '^[ab]*c', 'a{2000}b'])('%s ends on a text that is too long for it', (source) => {
    const regex = compileRegex(source)
    freshSteps(3_000_000)
    expect(() => regex.test('a'.repeat(50_000_000))).toThrow(TooLong)
  })
})
