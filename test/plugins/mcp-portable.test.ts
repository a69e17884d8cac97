// Holds the schemas that clients are shown to what providers take, and to refusing nothing that the tool takes.
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Json, JsonObject } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { portableSchema } from '../../plugins/mcp/portable.js'

const REFUSED = ['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', '$ref']

describe('the schema that clients are shown', () => {
  it('is the tool’s own where nothing is composed at its root', () => {
    const schema = {
      type: 'object',
      properties: { a: { anyOf: [{ type: 'string' }, { type: 'number' }] } },
      'x-own': 1,
    }
    expect(portableSchema(schema)).toEqual(schema)
  })

  it('has the properties of every alternative, and requires what each of them requires', () => {
    const schema = {
      type: 'object',
      properties: { id: { type: 'string' } },
      required: ['id'],
      oneOf: [
        { properties: { by: { const: 'name' }, name: { type: 'string' } }, required: ['by', 'name'] },
        { properties: { by: { const: 'age' }, age: { type: 'number' } }, required: ['by', 'age'] },
      ],
    }
    expect(portableSchema(schema)).toEqual({
      type: 'object',
      properties: {
        by: { anyOf: [{ const: 'name' }, { const: 'age' }] },
        name: {},
        age: {},
        id: { type: 'string' },
      },
      required: ['id', 'by'],
    })
  })

  it('follows a local reference and no other', () => {
    const $defs = { 'in/put': { properties: { a: { type: 'string' } }, required: ['a'] } }
    expect(portableSchema({ $ref: '#/$defs/in~1put', $defs })).toMatchObject({ required: ['a'], $defs })
    for (const $ref of ['https://evil.example/schema', 'file:///etc/passwd', '#', '#/nowhere', '#/$defs/%E0%A4%A']) {
      expect(portableSchema({ $ref, $defs })).toEqual({ type: 'object', properties: {}, required: [], $defs })
    }
  })

  it('ends for a schema that refers to itself', () => {
    const schema = { $ref: '#/$defs/a', $defs: { a: { allOf: [{ $ref: '#/$defs/a' }], properties: { b: {} } } } }
    expect(portableSchema(schema)).toMatchObject({ properties: { b: {} } })
  })

  it('takes whatever the tool’s own schema takes', () => {
    const name = fc.constantFrom('a', 'b', 'c')
    const leaf = fc.constantFrom<Json>(true, { type: 'string' }, { type: 'number' }, { const: 1 }, { enum: ['x', 2] })
    const flat = fc.record(
      {
        properties: fc.dictionary(name, leaf, { maxKeys: 3 }),
        required: fc.uniqueArray(name, { maxLength: 2 }),
        additionalProperties: fc.boolean(),
      },
      { requiredKeys: [] },
    )
    const { node } = fc.letrec<{ node: JsonObject }>((tie) => {
      const some = fc.array(tie('node'), { minLength: 1, maxLength: 3 })
      const composed = fc.record({ allOf: some, anyOf: some, oneOf: some, not: tie('node') }, { requiredKeys: [] })
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      const conditional = fc.record({ if: tie('node'), then: tie('node'), else: tie('node') }, { requiredKeys: ['if'] })
      return {
        node: fc.oneof(
          { depthSize: 'small' },
          flat,
          fc.tuple(flat, composed).map(([a, b]) => ({ ...a, ...b })),
          fc.tuple(flat, conditional).map(([a, b]) => ({ ...a, ...b })),
        ) as never,
      }
    })
    const value = fc.dictionary(name, fc.constantFrom<Json>('x', 'y', 1, 2, null), { maxKeys: 3 })
    let taken = 0
    fc.assert(
      fc.property(node, fc.array(value, { minLength: 8, maxLength: 8 }), (inner, values) => {
        const schema = { ...inner, type: 'object' }
        const portable = portableSchema(schema)
        expect(Object.keys(portable).filter((word) => REFUSED.includes(word))).toEqual([])
        const ajv = new Ajv2020({ strict: false, ownProperties: true })
        const original = ajv.compile(schema)
        const shown = ajv.compile(portable)
        for (const each of values) {
          if (!original(each)) continue
          taken += 1
          expect([each, shown(each)]).toEqual([each, true])
        }
      }),
      { numRuns: 100 },
    )
    expect(taken).toBeGreaterThan(30)
  })
})
