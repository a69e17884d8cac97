import { costOf, defineTool, type Json, type ToolCost } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const toolWith = (cost: unknown) =>
  defineTool({
    id: 'test.a@v1',
    title: 'A',
    description: '',
    input: { type: 'object' },
    output: {},
    risk: 'low',
    capability: 'test',
    cost: cost as Record<string, ToolCost>,
    handler: () => null,
  })
const cost = (usd: ToolCost, input: Json = {}) => costOf(toolWith({ usd }), input, 'usd')
const term = (input: string, rate = 1, more: object = {}) => ({ terms: [{ input, rate, ...more }] })

describe('the cost of a call', () => {
  const KNOWN: readonly [string, ToolCost, Json, number | undefined][] = [
    ['a constant', 0.25, {}, 0.25],
    ['unknown, said so', 'unknown', {}, undefined],
    ['a number in the input', term('/n', 0.5), { n: 4 }, 2],
    [
      'base and several terms',
      {
        base: 1,
        terms: [
          { input: '/a', rate: 2 },
          { input: '/b', rate: 3 },
        ],
      },
      { a: 1, b: 1 },
      6,
    ],
    ['the length of a text', term('/text', 0.1), { text: 'ab' }, 0.2],
    ['the items of a list', term('/urls'), { urls: ['a', 'b', 'c'] }, 3],
    ['something deep, with escapes', term('/a~1b/0/~0'), { 'a/b': [{ '~': 7 }] }, 7],
    ['what is not there, with a word for it', term('/n', 2, { absent: 10 }), {}, 20],
    ['what is not there', term('/n'), {}, undefined],
    ['a negative number', term('/n'), { n: -1 }, undefined],
    ['a number past all reason', term('/n'), { n: 1e300 }, undefined],
    ['a sum past all reason', term('/n', 9e9), { n: 9e9 }, undefined],
    ['a boolean', term('/n'), { n: true }, undefined],
    ['an object', term('/n'), { n: {} }, undefined],
    ['a member that every object has', term('/constructor'), {}, undefined],
    ['the prototype', term('/__proto__/x'), {}, undefined],
    ['the length of a list as its member', term('/list/length'), { list: [1, 2] }, undefined],
  ]
  it.each(KNOWN)('%s', (_, declared, input, expected) => expect(cost(declared, input)).toBe(expected))

  it('is nothing in a category that the tool does not name, whatever its name', () => {
    for (const name of ['tokens', 'constructor', '__proto__']) expect(costOf(toolWith({ usd: 1 }), {}, name)).toBe(0)
  })

  it('is a number of 0 or more or unknown, and never less for a larger input', () => {
    const rate = fc.double({ min: 0, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(rate, rate, fc.nat(), fc.nat(), (base, each, a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)].map((n) => cost({ base, ...term('/n', each) }, { n }))
        expect((less ?? 0) >= 0).toBe(true)
        if (more !== undefined) expect(less).toBeLessThanOrEqual(more)
      }),
    )
  })

  it('of any input is answered without a throw', () => {
    fc.assert(fc.property(fc.jsonValue(), (input) => void cost(term('/a/b'), input as Json)))
  })
})

describe('a tool is refused', () => {
  const WRONG: readonly [string, unknown][] = [
    ['a negative cost', { usd: -1 }],
    ['a cost past all reason', { usd: 1e300 }],
    ['a word that is not "unknown"', { usd: 'free' }],
    ['null', { usd: null }],
    ['a list of costs', [1]],
    ['a category that is no word', { 'U S D': 1 }],
    ['a formula without terms', { usd: { terms: [] } }],
    ['a formula with a negative rate', { usd: term('/n', -1) }],
    ['a formula with more in it', { usd: { ...term('/n'), min: 1 } }],
    ['a term with more in it', { usd: term('/n', 1, { unless: 'x' }) }],
    ['a term that points nowhere', { usd: term('n') }],
    ['more terms than 20', { usd: { terms: Array.from({ length: 21 }, () => ({ input: '/n', rate: 1 })) } }],
  ]
  it.each(WRONG)('with %s', (_, declared) => {
    expect(() => toolWith(declared)).toThrow(expect.objectContaining({ code: 'TOOL_INVALID' }))
  })
})
