import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printable } from '../../plugins/cli/printable.js'
import { table } from '../../plugins/cli/table.js'

const anyText = fc.string({ unit: 'binary' })
const nasty = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0x9f }),
      fc.constantFrom(
        0x61c,
        0x200b,
        0x200e,
        0x200f,
        0x2028,
        0x2029,
        0x202a,
        0x202e,
        0x2066,
        0x2069,
        0xfeff,
        0xe0041,
        0xd800,
      ),
    ),
  )
  .map((points) => points.map((point) => String.fromCodePoint(point)).join(''))

/** Judged by code point, in other words than the implementation's pattern. */
function steers(text: string): boolean {
  return [...text].some((character) => {
    const point = character.codePointAt(0) ?? 0
    const control = point < 0x20 || (point >= 0x7f && point <= 0x9f)
    const bidirectional =
      point === 0x61c || (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e)
    const isolate = point >= 0x2060 && point <= 0x206f
    const hidden = point === 0xfeff || (point >= 0xe0000 && point <= 0xe007f) || (point >= 0xd800 && point <= 0xdfff)
    return control || bidirectional || isolate || hidden
  })
}

describe('printable', () => {
  it('lets no control, override or hidden character through', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, nasty), (text) => !steers(printable(text))),
      { numRuns: 500 },
    )
  })

  it('lets line feeds through only when lines are wanted', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, nasty), (text) => {
        const shown = printable(text, { lines: true })
        expect(steers(shown.replaceAll('\n', ''))).toBe(false)
        expect(shown.split('\n').length).toBe(text.split('\n').length)
      }),
    )
  })

  it('leaves JSON the JSON of the same value', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), anyText, nasty), (value) => {
        const json = JSON.stringify(value, null, 2)
        const shown = printable(json, { lines: true })
        expect(JSON.parse(shown)).toEqual(JSON.parse(json))
      }),
    )
  })

  it.each([
    ['\x1b[2J', '\\u001b[2J'],
    ['\x9b31m', '\\u009b31m'],
    ['a\nb\tc\rd', 'a\\nb\\tc\\rd'],
    ['\u202egpj.exe', '\\u202egpj.exe'],
    ['a\u{e0041}', 'a\\udb40\\udc41'],
    ['Grüße, 世界 🚀', 'Grüße, 世界 🚀'],
  ])('shows %j as %j', (text, shown) => {
    expect(printable(text)).toBe(shown)
  })
})

describe('a table', () => {
  it('keeps colours and escapes everything else in a cell', () => {
    const shown = table(['name', 'state'], [['a\x1b[2Jb', '\x1b[32mok\x1b[39m']])
    expect(shown).toContain('a\\u001b[2Jb')
    expect(shown).toContain('\x1b[32mok\x1b[39m')
  })

  it('gives every row one line, whatever a cell holds', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(anyText, nasty), { minLength: 1, maxLength: 5 }), (cells) => {
        expect(
          table(
            ['one'],
            cells.map((cell) => [cell]),
          ).split('\n').length,
        ).toBe(cells.length + 1)
      }),
    )
  })
})
