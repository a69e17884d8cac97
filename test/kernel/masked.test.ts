import type { Json } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { masked } from '../../kernel/masked.js'

describe('a sentence about an input', () => {
  const rows: [string, string, Json, string][] = [
    ['a value', 'there is nothing at "nope" here', { path: 'nope' }, 'there is nothing at "‹/path›" here'],
    ['a value twice', 'nope and nope', { path: 'nope' }, '‹/path› and ‹/path›'],
    ['a nested value', 'to ada@x.org', { mail: { to: ['ada@x.org'] } }, 'to ‹/mail/to/0›'],
    ['a value as JSON writes it', 'got "a\\nb c"', { text: 'a\nb c' }, 'got "‹/text›"'],
    ['a value in another', 'secret-key-2', { a: 'secret', b: 'secret-key-2' }, '‹/b›'],
    ['the beginning of a long value', `${'x'.repeat(60)}…`, { text: 'x'.repeat(900) }, '‹/text›…'],
    ['a value with $&', 'was $&$1', { text: '$&$1' }, 'was ‹/text›'],
    ['an input that is a text itself', 'was swordfish', 'swordfish', 'was ‹/›'],
    ['words shorter than four characters', 'to be', { a: 'to', b: 'be' }, 'to be'],
    ['no input at all', 'was swordfish', {}, 'was swordfish'],
  ]
  it.each(rows)('is masked: %s', (_, sentence, input, expected) => {
    expect(masked(sentence, input)).toBe(expected)
  })

  it('never shows a text value of the input', () => {
    const value = fc.stringMatching(/^[a-z0-9 "\\\n]{4,40}$/).filter((text) => !'‹/abc›'.includes(text))
    const shown = fc.constantFrom(
      (v: string) => v,
      (v: string) => JSON.stringify(v).slice(1, -1),
    )
    fc.assert(
      fc.property(value, value, shown, fc.string(), (a, b, as, around) => {
        const text = masked(`${around}${as(a)}${around}${as(b)}`, { a, b })
        // What is left of one value when the other was taken out of it is not the value.
        expect(text.includes(a) && !around.includes(a)).toBe(false)
      }),
    )
  })
})
