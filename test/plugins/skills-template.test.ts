// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of pipelines are spelled like those of JavaScript
import { isClonedError, type Json } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fillTemplate, parseTemplate } from '../../plugins/skills/template.js'

const scope = {
  inputs: { dir: 'docs', count: 3, list: ['a', 'b'], nothing: null, 'with-dash': true, evil: '${{ inputs.dir }}' },
  steps: { scan: { output: { files: [{ path: 'a.md' }, { path: 'b.md' }], total: 2 } } },
}

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
    `\${{ inputs.${'a'.repeat(600)} }}`,
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
