// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of pipelines are spelled like those of JavaScript
import { isClonedError, type Json } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fillTemplate, parseTemplate } from '../../plugins/skills/template.js'

const scope = {
  inputs: { dir: 'docs', count: 3, list: ['a', 'b'], nothing: null, 'with-dash': true, evil: '${{ inputs.dir }}' },
  steps: { scan: { output: { files: [{ path: 'a.md' }, { path: 'b.md' }], total: 2 } } },
}

describe('an expression', () => {
  it.each<[string, Json]>([
    ['inputs.count == 3', true],
    ['inputs.count != 3', false],
    ['inputs.count >= 3 && inputs.count < 4', true],
    ["inputs.dir == 'docs'", true],
    ["inputs.dir == 'it''s'", false],
    ["inputs.dir < 'e'", true],
    ['inputs.count == -1 || !inputs.with-dash', false],
    ['!(inputs.count == 3)', false],
    ['length(inputs.list) == 2', true],
    ['length(inputs.dir)', 4],
    ["inputs.missing ?? 'none'", 'none'],
    ["inputs.nothing ?? 'none'", 'none'],
    ['inputs.dir ?? inputs.missing', 'docs'],
    ['inputs.nothing == null', true],
    ["'}}'", '}}'],
    ["'${{'", '${{'],
    ['inputs.count == 3 || inputs.missing', true],
    ['false && inputs.missing', false],
    ['1.5 > 1', true],
  ])('%s gives %j', (expression, expected) => {
    expect(fillTemplate(`\${{ ${expression} }}`, scope)).toEqual(expected)
  })

  it.each([
    ['inputs.count && true', 'it takes true or false, not a number'],
    ['inputs.count < inputs.dir', 'not a number and a text'],
    ['inputs.list == inputs.list', 'it cannot compare a list'],
    ['steps.scan.output == null', 'it cannot compare an object'],
    ['length(inputs.count)', 'it takes a text or a list'],
    ['inputs.missing == null', 'there is no "missing"'],
    ['!inputs.dir', 'it takes true or false, not a text'],
  ])('%s has no value: %s', (expression, problem) => {
    expect(() => fillTemplate(`\${{ ${expression} }}`, scope)).toThrow(
      expect.objectContaining({ code: 'TEMPLATE_UNRESOLVED', message: expect.stringContaining(problem) }),
    )
  })

  it.each([
    'inputs.count = 3',
    'inputs.count == 3 == true',
    'inputs.count +',
    'inputs.dir()',
    'constructor(inputs.dir)',
    "inputs.dir == 'open",
    '(inputs.count',
    'inputs.count)',
    '&& inputs.count',
    `${'('.repeat(40)}1${')'.repeat(40)}`,
    `${'!'.repeat(40)}true`,
    `${'true || '.repeat(40)}true`,
    `'${'x'.repeat(1100)}'`,
    'inputs[0x1]',
    '`inputs`',
  ])('%s is not one', (expression) => {
    expect(() => parseTemplate(`\${{ ${expression} }}`)).toThrow(expect.objectContaining({ code: 'TEMPLATE_INVALID' }))
  })

  it('takes no longer than its text is long, whatever stands in it', () => {
    const piece = fc.constantFrom(
      '(',
      ')',
      '!',
      "'",
      "''",
      '&&',
      '||',
      '??',
      '==',
      'inputs.dir',
      'length(',
      '1',
      '}}',
      '${{',
      ' ',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 400 }), (pieces) => {
        try {
          parseTemplate(`\${{ ${pieces.join('')}`)
        } catch (error) {
          expect(isClonedError(error) && error.code).toBe('TEMPLATE_INVALID')
        }
      }),
    )
  })
})

describe('filling a template', () => {
  it.each<[string, Json]>([
    ['${{ inputs.dir }}', 'docs'],
    ['${{inputs.dir}}', 'docs'],
    ['${{ inputs.count }}', 3],
    ['${{ inputs.nothing }}', null],
    ['${{ inputs.with-dash }}', true],
    ['${{ inputs.list }}', ['a', 'b']],
    ['${{ inputs.list[1] }}', 'b'],
    ['${{ steps.scan.output.files[0].path }}', 'a.md'],
    ['${{ steps.scan.output }}', scope.steps.scan.output],
    ['in ${{ inputs.dir }}/x', 'in docs/x'],
    ['${{ inputs.dir }} ', 'docs '],
    ['${{ inputs.dir }}${{ inputs.count }}', 'docs3'],
    ['n=${{ inputs.nothing }} l=${{ inputs.list }}', 'n=null l=["a","b"]'],
    ['no template, $ {{ and }} stay', 'no template, $ {{ and }} stay'],
    ['', ''],
  ])('%j becomes %j', (template, expected) => {
    expect(fillTemplate(template, scope)).toEqual(expected)
  })

  it('reaches strings inside lists and objects and leaves keys alone', () => {
    const template = { a: ['${{ inputs.dir }}', 1, null], '${{ inputs.dir }}': { b: 'x${{ inputs.count }}' } }
    expect(fillTemplate(template, scope)).toEqual({ a: ['docs', 1, null], '${{ inputs.dir }}': { b: 'x3' } })
  })

  it('never expands a value that came out of a template', () => {
    expect(fillTemplate('${{ inputs.evil }}', scope)).toBe('${{ inputs.dir }}')
    expect(fillTemplate('<${{ inputs.evil }}>', scope)).toBe('<${{ inputs.dir }}>')
  })

  it.each([
    ['inputs.missing', 'there is no "missing"'],
    ['inputs.constructor', 'there is no "constructor"'],
    ['inputs.__proto__', 'there is no "__proto__"'],
    ['inputs.list.length', 'there is no "length"'],
    ['inputs.dir.length', 'there is no "length"'],
    ['inputs.list[2]', 'there is no [2] in a list of 2'],
    ['inputs.dir[0]', '[0] is asked of no list'],
    ['steps.scan.output.files.path', 'there is no "path"'],
    ['process.env', 'there is no "process"'],
  ])('refuses %s and names it', (path, problem) => {
    for (const template of [`\${{ ${path} }}`, `embedded \${{ ${path} }}`]) {
      expect(() => fillTemplate(template, scope)).toThrow(
        expect.objectContaining({ code: 'TEMPLATE_UNRESOLVED', params: { template: path, problem } }),
      )
    }
  })

  it.each([
    '${{ }}',
    '${{ inputs..dir }}',
    '${{ inputs[a] }}',
    '${{ inputs["dir"] }}',
    '${{ inputs.dir | upper }}',
    '${{ inputs.dir() }}',
    '${{ 1 + 1 }}',
    '${{ inputs.dir',
    '${{ ${{ inputs.dir }} }}',
    `\${{ inputs.${'a'.repeat(1100)} }}`,
  ])('cannot read %j', (template) => {
    expect(() => parseTemplate(template)).toThrow(expect.objectContaining({ code: 'TEMPLATE_INVALID' }))
  })

  it('refuses to grow past 16 MiB however the growth is spelled', () => {
    const big = { inputs: { text: 'x'.repeat(1024 * 1024) } }
    const many = Array.from({ length: 17 }, () => '${{ inputs.text }}')
    for (const template of [many.join(''), many, { deep: [many] }]) {
      expect(() => fillTemplate(template, big)).toThrow(expect.objectContaining({ code: 'VALUE_TOO_LARGE' }))
    }
  })

  it('is the identity on values without a template', () => {
    const plain = json.filter((value) => !JSON.stringify(value).includes('{{') && isPlain(value))
    fc.assert(
      fc.property(plain, (value) => {
        expect(fillTemplate(value as Json, scope)).toEqual(value)
      }),
    )
  })

  it('gives back any value whole, whatever its strings look like', () => {
    fc.assert(
      fc.property(json.filter(isPlain), (value) => {
        expect(fillTemplate('${{ inputs.v }}', { inputs: { v: value as Json } })).toEqual(value)
      }),
    )
  })

  it('answers any text, or refuses it with a code', () => {
    const piece = fc.constantFrom('${{', '}}', ' ', 'inputs', '.dir', '.', '[0]', '[', '$', '{', 'x')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          fillTemplate(pieces.join(''), scope)
        } catch (error) {
          expect(isClonedError(error)).toBe(true)
        }
      }),
    )
  })
})

/** JSON as it comes out of a text, where -0 is 0. */
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)))

function isPlain(value: unknown): boolean {
  return !JSON.stringify(value).includes('__proto__') && JSON.stringify(value).isWellFormed()
}
