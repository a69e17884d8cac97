// Checking by a schema, whoever wrote it: never in more steps than a process has time for.
import {
  compileSchema,
  definePlugin,
  defineTool,
  type JsonObject,
  type ToolSource,
  toolSourcesCollection,
} from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { TOOL_STEPS } from '../../kernel/schema.js'
import { freshSteps, spend, TooLong } from '../../kernel/steps.js'
import { allowAll, auditPlugin, started } from './support.js'

const NESTED = Array.from({ length: 60 }).reduce<object>((inner) => ({ a: inner }), {})
const twice = (word: string) => ({ [word]: [{ $ref: '#/$defs/n' }, { $ref: '#/$defs/n' }] })
const node = (word: string) => ({ type: 'object', properties: { a: twice(word), b: {} }, required: ['b'] })
const recursive = (word: string): JsonObject => ({ $ref: '#/$defs/n', $defs: { n: node(word) } }) as JsonObject
const names = Array.from({ length: 2_000 }, (_, i) => `p${i}`)
const many = Object.fromEntries(names.map((name) => [name, true]))
const each = (schema: object): JsonObject => ({ type: 'array', items: schema }) as JsonObject
const lots = (value: unknown) => Array.from({ length: 5_000 }, () => value)

const check = (schema: JsonObject) => compileSchema(schema, { steps: TOOL_STEPS })

/** What each would take for ever over, or as good as. */
const SLOW: readonly (readonly [how: string, schema: JsonObject, value: unknown])[] = [
  ['recursion through anyOf', recursive('anyOf'), NESTED],
  ['recursion through allOf', recursive('allOf'), NESTED],
  ['recursion through oneOf', recursive('oneOf'), NESTED],
  ['names that are all looked for', each({ type: 'object', properties: many, required: names }), lots({})],
  ['properties that are gone through', each({ type: 'object', additionalProperties: false }), lots(many)],
  ['names of properties', each({ type: 'object', propertyNames: { type: 'string', maxLength: 3 } }), lots(many)],
  ['items', each({ type: 'array', items: { type: 'number' } }), lots(names)],
  ['a long list of values', each({ enum: names }), lots('x')],
  ['a value that is compared to its end', each({ const: { a: names } }), lots({ a: [...names.slice(0, -1), 'x'] })],
  ['names that others need', each({ type: 'object', dependentRequired: { a: names } }), lots({ a: 1 })],
  [
    'what is wrong, copied for each item',
    {
      type: 'array',
      items: { $ref: '#/$defs/n' },
      $defs: { n: { type: 'object', properties: { a: { $ref: '#/$defs/n' } } } },
    },
    Array.from({ length: 20_000 }, () => 1),
  ],
  ['long texts', each({ type: 'string', maxLength: 900_000 }), lots('x'.repeat(900_000))],
  [
    'an expression in many ways',
    { type: 'array', items: { type: 'string', pattern: '^(?:(?:a?){40}){40}b$' } },
    Array.from({ length: 10_000 }, () => 'a'.repeat(60)),
  ],
]

it('patterns of one schema are refused where they are too large together', () => {
  const properties = Object.fromEntries(
    Array.from({ length: 12 }, (_, i) => [`p${i}`, { type: 'string', pattern: `(?:a{900}b?){2}c*d*${i}` }]),
  )
  expect(() => check({ type: 'object', properties })).toThrow('too large, with those before it')
})

describe('a value that takes too many steps to check', () => {
  it.each(SLOW)('does not fit: %s', (_, schema, value) => {
    const problems = check(schema)(value)
    expect(problems).toEqual([{ path: '/', message: expect.stringMatching(/takes more than \d+ steps/) }])
  })

  it.each(SLOW)('does not keep another one from being checked: %s', (_, schema, value) => {
    const fits = check(schema)
    fits(value)
    expect(fits(null)).not.toEqual([{ path: '/', message: expect.stringContaining('steps') }])
  })

  it('is not one that leads back to itself with the same value: that ends as well', () => {
    const fits = check({ $ref: '#/$defs/n', $defs: { n: { allOf: [{ $ref: '#/$defs/n' }] } } })
    expect(fits({})).toEqual([{ path: '/', message: expect.stringContaining('to check') }])
  })

  it('is counted for itself', () => {
    freshSteps(10)
    expect(() => spend(11)).toThrow(TooLong)
    expect(compileSchema({ type: 'string', maxLength: 3 })('abc')).toEqual([])
  })
})

describe('items that have to differ', () => {
  const differ = check({ type: 'array', uniqueItems: true })

  it.each([
    [[1, 2, '1', true, 'true', null, 'null', [1], [[1]], { a: 1 }, { a: 1, b: 2 }], undefined],
    [
      [1, 1],
      [1, 0],
    ],
    [
      [0, -0],
      [1, 0],
    ],
    [
      ['x', 'y', 'x'],
      [2, 0],
    ],
    [
      [
        { a: 1, b: [2] },
        { b: [2], a: 1 },
      ],
      [1, 0],
    ],
    [
      [
        [1, 2],
        [2, 1],
      ],
      undefined,
    ],
  ])('%j', (items, twins) => {
    const message = `must NOT have duplicate items (items ## ${twins?.[1]} and ${twins?.[0]} are identical)`
    expect(differ(items)).toEqual(twins ? [{ path: '/', message }] : [])
  })

  it('are compared by the hundred thousand', () => {
    const items = Array.from({ length: 200_000 }, (_, i) => ({ i }))
    expect(differ(items)).toEqual([])
    expect(differ([...items, { i: 7 }])).not.toEqual([])
  })

  it('are not compared where a schema says that they may be the same', () => {
    expect(compileSchema({ type: 'array', uniqueItems: false })([1, 1])).toEqual([])
  })
})

describe('a call of a tool from a source', () => {
  it('is refused before it runs, or after, where it takes too many steps', async () => {
    let ran = 0
    const [pattern, text] = ['(?:a*b*)*c', 'a'.repeat(900_000)]
    const tool = (id: string, own: JsonObject, output: JsonObject) =>
      defineTool({
        ...{ id, title: id, description: '', risk: 'low', capability: 'test' },
        input: { type: 'object', properties: { text: { type: 'string', ...own } } },
        output,
        handler: () => {
          ran++
          return text
        },
      })
    const tools = [tool('far.a.in@v1', { pattern }, {}), tool('far.a.out@v1', {}, { type: 'string', pattern })]
    const source: ToolSource = { prefix: 'far.', list: () => tools }
    const far = definePlugin({
      ...{ id: 'test.far', version: '1.0.0', kernel: '^0.1.0', toolPrefixes: ['far.'] },
      contributes: { sources: toolSourcesCollection },
      setup: () => ({ sources: [source] }),
    })
    const kernel = await started([allowAll, auditPlugin(), far])
    const call = (id: string) => kernel.call({ tool: id, input: { text }, actor: 'agent:a' })
    expect([await call('far.a.in@v1'), ran]).toMatchObject([{ status: 'denied', code: 'INPUT_INVALID' }, 0])
    expect([await call('far.a.out@v1'), ran]).toMatchObject([{ status: 'failed', code: 'OUTPUT_INVALID' }, 1])
    await kernel.stop()
  })
})
