import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diff } from '../../plugins/approvals/diff.js'

describe('a difference', () => {
  const rows: readonly [before: string | undefined, after: string, lines: readonly string[]][] = [
    ['a\nb\n', 'a\nb\n', []],
    [undefined, 'a\n', ['+ a']],
    ['a\n', '', ['- a']],
    ['a\nb\nc\n', 'a\nx\nc\n', ['  a', '- b', '+ x', '  c']],
    ['a\n', 'a', ['- a', '+ a (no line end)']],
    [
      '1\n2\n3\n4\n5\n6\n7\n8\n9\n',
      '1\n2\n3\n4\nx\n6\n7\n8\n9\n',
      ['@@', '  2', '  3', '  4', '- 5', '+ x', '  6', '  7', '  8'],
    ],
  ]
  it.each(rows)('from %j to %j', (before, after, lines) => {
    expect(diff(before, after)).toEqual(lines)
  })

  it('takes every line of both texts, in order', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c'), { maxLength: 4 })
      .map((lines) => lines.map((line) => `${line}\n`).join(''))
    fc.assert(
      fc.property(text, text, (before, after) => {
        fc.pre(before !== after)
        const lines = diff(before, after).filter((line) => line !== '@@')
        const side = (sign: string) =>
          lines
            .filter((line) => line[0] !== sign)
            .map((line) => `${line.slice(2)}\n`)
            .join('')
        // Lines far from every change may be left out, and only they.
        expect(before.endsWith(side('+')) || before.includes(side('+'))).toBe(true)
        expect(after.endsWith(side('-')) || after.includes(side('-'))).toBe(true)
        expect(lines.some((line) => line[0] !== ' ')).toBe(true)
      }),
    )
  })

  it('of texts that have nothing in common, or are huge, still ends', () => {
    const lines = (n: number, of: string) => Array.from({ length: n }, (_, i) => `${of}${i}\n`).join('')
    expect(diff(lines(2000, 'a'), lines(2000, 'b'))).toHaveLength(4000)
    expect(diff(lines(3000, 'a'), lines(3000, 'b'))).toEqual(['(too long to compare: 3000 lines become 3000)'])
  })
})
