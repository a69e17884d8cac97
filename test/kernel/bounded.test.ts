// Checking by a stranger's schema: as with any schema, but never for longer than a second.
import {
  compileSchema,
  definePlugin,
  defineTool,
  type JsonObject,
  type ToolSource,
  toolSourcesCollection,
} from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { boundedValidate } from '../../kernel/bounded.js'
import { allowAll, auditPlugin, started } from './support.js'

const NESTED = Array.from({ length: 60 }).reduce<object>((inner) => ({ a: inner }), {})
const node = { type: 'object', properties: { a: { anyOf: [{ $ref: '#/$defs/n' }, { $ref: '#/$defs/n' }] } } }

/** What each takes for ever over. */
const SLOW: readonly (readonly [how: string, schema: JsonObject, value: unknown])[] = [
  ['an expression', { type: 'string', pattern: '^(a+)+$' }, `${'a'.repeat(60)}!`],
  ['comparing items', { type: 'array', uniqueItems: true }, Array.from({ length: 200_000 }, (_, i) => ({ i }))],
  ['recursion', { $ref: '#/$defs/n', $defs: { n: node } }, NESTED],
]

describe('a value that takes too long to check', () => {
  it.each(SLOW)('does not fit: %s', (_, schema, value) => {
    const problems = boundedValidate(schema, compileSchema(schema))(value)
    expect(problems).toEqual([{ path: '/', message: expect.stringContaining('takes longer than') }])
  })

  it.each(SLOW)('does not keep a smaller one from being checked: %s', (_, schema) => {
    const check = boundedValidate(schema, compileSchema(schema))
    const [good, bad] =
      schema['type'] === 'string'
        ? ['aa', 'b']
        : schema['type'] === 'array'
          ? [
              [1, 2],
              [1, 1],
            ]
          : [{}, 1]
    expect([check(good), check(bad).length > 0]).toEqual([[], true])
  })

  it('ends a call of a tool from a source, before it runs or after', async () => {
    let ran = 0
    const [pattern, text] = ['^(a+)+$', `${'a'.repeat(60)}!`]
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
