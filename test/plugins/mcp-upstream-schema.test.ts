// The gate's form of a stranger's schema: it judges every value exactly as the original does, or there is none.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { compileSchema, type JsonObject } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gateSchema } from '../../plugins/mcp-upstream/gate-schema.js'

// With all errors: where it stops at the first, ajv 8 skips what stands beside a tuple when the array is empty.
const lenient = { strict: false, validateFormats: false, ownProperties: true, logger: false, allErrors: true } as const
const modern = new Ajv2020(lenient)
const old = new Ajv(lenient)

const names = fc.constantFrom('a', 'b', 'ab', 'x-1')
const scalar = fc.oneof(
  fc.integer({ min: -3, max: 5 }),
  fc.constantFrom('', 'a', 'ab', 'abc'),
  fc.boolean(),
  fc.constant(null),
)
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(names, tie('any'), { maxKeys: 4 }),
  ),
})).any

const type = fc.constantFrom('null', 'boolean', 'object', 'array', 'number', 'integer', 'string')
const size = fc.integer({ min: 0, max: 3 })

/** Schemas of all keywords; `old`: as draft 7 has them. */
function schemas(draft7: boolean): fc.Arbitrary<JsonObject> {
  const { schema } = fc.letrec<{ schema: JsonObject; sub: JsonObject | boolean }>((tie) => {
    const sub = tie('sub')
    const map = fc.dictionary(names, sub, { maxKeys: 3 })
    const list = fc.array(sub, { minLength: 1, maxLength: 3 })
    const all = {
      type: fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 })),
      title: fc.constant('t'),
      'x-loggable': fc.boolean(),
      enum: fc.uniqueArray(scalar, { minLength: 1, maxLength: 3 }),
      const: scalar,
      minimum: size,
      exclusiveMaximum: size,
      multipleOf: fc.constantFrom(1, 2),
      minLength: size,
      maxLength: size,
      pattern: fc.constantFrom('^a', 'b$', '^[a-c]+$'),
      minItems: size,
      maxItems: size,
      uniqueItems: fc.boolean(),
      contains: sub,
      minProperties: size,
      maxProperties: size,
      properties: map,
      patternProperties: fc.dictionary(fc.constantFrom('^a', 'b$', '-'), sub, { maxKeys: 2 }),
      additionalProperties: sub,
      propertyNames: sub,
      required: fc.uniqueArray(names, { maxLength: 2 }),
      allOf: list,
      anyOf: list,
      oneOf: list,
      not: sub,
      if: sub,
      // biome-ignore lint/suspicious/noThenProperty: it is a keyword
      then: sub,
      else: sub,
      ...(draft7
        ? {
            items: fc.oneof(sub, list),
            additionalItems: sub,
            dependencies: fc.dictionary(names, fc.oneof(sub, fc.uniqueArray(names, { maxLength: 2 })), { maxKeys: 2 }),
          }
        : {
            items: sub,
            prefixItems: list,
            minContains: size,
            maxContains: size,
            dependentRequired: fc.dictionary(names, fc.uniqueArray(names, { maxLength: 2 }), { maxKeys: 2 }),
            dependentSchemas: map,
            unevaluatedProperties: sub,
            $ref: fc.constantFrom('#/$defs/one', '#/$defs/two'),
          }),
    }
    const some = fc
      .uniqueArray(fc.constantFrom(...(Object.keys(all) as (keyof typeof all)[])), { maxLength: 4 })
      .chain(
        (words) => fc.record(Object.fromEntries(words.map((word) => [word, all[word]]))) as fc.Arbitrary<JsonObject>,
      )
    return {
      schema: some,
      sub: fc.oneof(
        { maxDepth: 3 },
        fc.boolean(),
        fc.record({ type }),
        fc.record({ enum: fc.uniqueArray(scalar, { minLength: 1, maxLength: 2 }) }),
        some,
      ),
    }
  })
  const leaf = fc.oneof(
    fc.record({ type }),
    fc.record({ properties: fc.dictionary(names, fc.record({ type }), { maxKeys: 2 }) }),
  )
  return fc
    .tuple(schema, leaf, leaf)
    .map(([root, one, two]) =>
      draft7 ? { $schema: 'http://json-schema.org/draft-07/schema#', ...root } : { ...root, $defs: { one, two } },
    )
}

const RUNS = Number(process.env['CLONED_RUNS'] ?? 400)

describe('the form that the gate takes', () => {
  it.each([
    ['2020-12', false, modern],
    ['draft 7', true, old],
  ] as const)('judges objects as a schema of %s does', (_, draft7, ajv) => {
    fc.assert(
      fc.property(
        schemas(draft7),
        fc.array(fc.dictionary(names, value, { maxKeys: 4 }), { minLength: 3, maxLength: 8 }),
        (schema, inputs) => {
          let written: JsonObject
          try {
            written = gateSchema(schema)
          } catch {
            // There is none: then nobody is judged by it. How often that is, the next rule says.
            return
          }
          const judge = compileSchema(written)
          const original = ajv.compile(schema)
          for (const input of inputs) {
            let judged: boolean
            let expected: boolean
            try {
              const problems = judge(input)
              // The library writes code that throws for some schemas; the gate then denies.
              if (problems.some(({ message }) => message.startsWith('cannot be checked'))) continue
              judged = problems.length === 0
              expected = original(input)
            } catch {
              // What it writes for the original throws as well.
              continue
            }
            expect([judged, input, schema, written]).toEqual([expected, input, schema, written])
          }
        },
      ),
      { numRuns: RUNS },
    )
  })

  it('is there for nearly every schema that is one', () => {
    const all = [...fc.sample(schemas(false), 200), ...fc.sample(schemas(true), 200)]
    const none = all.filter((schema) => {
      try {
        gateSchema(schema)
        return false
      } catch {
        return true
      }
    })
    expect(none.length).toBeLessThan(20)
  })

  it.each([
    ['a reference to the network', { properties: { a: { $ref: 'https://example.com/a.json' } } }, /outside of itself/],
    ['a reference to a file', { $ref: 'file:///etc/passwd' }, /outside of itself/],
    ['a reference to nothing', { $ref: '#/$defs/none' }, /not there/],
    ['a reference that depends on the reader', { $dynamicRef: '#x' }, /depends on the reader/],
    ['another address inside', { $defs: { a: { $id: 'https://x.test/a' } }, $ref: '#/$defs/a' }, /address/],
    ['a type that is none', { type: 'objekt' }, /./],
    ['a list for an object', { properties: [] }, /no object/],
    ['a pattern that is none', { properties: { a: { pattern: '(' } } }, /no regular expression/],
    ['a pattern that refers back', { properties: { a: { pattern: '^(a+)\\1$' } } }, /refers back/],
    ['a pattern that is too large', { patternProperties: { '(?:a{1000}){1000}': { type: 'null' } } }, /too large/],
    [
      'more schemas than a person reads',
      { anyOf: Array.from({ length: 1_001 }, () => ({ type: 'null' })) },
      /too large/,
    ],
  ] as const)('is not there for %s', (_, schema, says) => {
    expect(() => gateSchema(schema as unknown as JsonObject)).toThrow(says)
  })

  it('follows references to itself, whatever they are called', () => {
    const schema = {
      $id: 'https://x.test/s',
      type: 'object',
      properties: {
        next: { $ref: '#' },
        own: { $ref: 'https://x.test/s#/properties/n' },
        n: { type: 'number' },
        at: { $ref: '#here' },
      },
      definitions: { h: { $anchor: 'here', type: 'string' } },
    }
    const judge = compileSchema(gateSchema(schema))
    expect(judge({ next: { next: { n: 1, at: 'x' } }, own: 2 })).toEqual([])
    for (const wrong of [{ next: { next: { n: 'x' } } }, { own: 'x' }, { at: 1 }]) expect(judge(wrong)).not.toEqual([])
  })

  it('judges what stands beside a tuple when there is nothing in it', () => {
    const $schema = 'http://json-schema.org/draft-07/schema#'
    const list = { items: [{ enum: [false] }], contains: { type: 'null' } }
    const judge = compileSchema(gateSchema({ $schema, properties: { list } }))
    expect(judge({ list: [false, null] })).toEqual([])
    for (const wrong of [[], [false], [null]]) expect(judge({ list: wrong })).not.toEqual([])
  })

  it('judges a name that a pattern names too by both, whatever is in the name', () => {
    const properties = { 'x-1': { type: 'string' }, 'a.b': { type: 'string' } }
    const judge = compileSchema(
      gateSchema({ type: 'object', properties, patternProperties: { '^x': { maxLength: 2 } } }),
    )
    expect(judge({ 'x-1': 'ab', 'a.b': 'abc' })).toEqual([])
    for (const wrong of [{ 'x-1': 1 }, { 'x-1': 'abc' }, { 'a.b': 1 }]) expect(judge(wrong)).not.toEqual([])
  })

  it('lets no server mark what may stand in the log', () => {
    const written = gateSchema({ type: 'object', properties: { password: { type: 'string', 'x-loggable': true } } })
    expect(JSON.stringify(written)).not.toContain('loggable')
  })

  it.each(['^[a-z0-9]+(?:-[a-z0-9]+)*$', '^(?=.*[A-Z])(?!.*secret)[^/]+$', '(?:\\w|\\d)+$', '^(a?a?)+b$', '(?<=x+)y'])(
    'takes the pattern %s',
    (pattern) => {
      const judge = compileSchema(gateSchema({ properties: { a: { type: 'string', pattern } } }))
      const expression = new RegExp(pattern, 'u')
      for (const a of ['', 'a', 'a-b', 'A-secret', 'Ab', 'aab', 'xxy', `${'a'.repeat(5_000)}!`.repeat(5)]) {
        if (a.length < 9) expect([a, judge({ a }).length === 0]).toEqual([a, expression.test(a)])
        else judge({ a })
      }
    },
  )
})

describe('schemas that servers have', () => {
  const require = createRequire(import.meta.url)
  it('of this repository all have a form', () => {
    const directory = join(require.resolve('../../package.json'), '..', 'schemas')
    let found = 0
    for (const name of readdirSync(directory).filter((each) => each.endsWith('.schema.json'))) {
      const schema = JSON.parse(readFileSync(join(directory, name), 'utf8')) as JsonObject
      try {
        gateSchema(schema)
        found++
      } catch (error) {
        expect(String(error)).toMatch(/pattern|outside of itself|depends/)
      }
    }
    expect(found).toBeGreaterThan(5)
  })
})
