import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { readSchema } from 'cloned/kernel'
import fc from 'fast-check'
import { gt, major } from 'semver'
import { describe, expect, it } from 'vitest'
import { narrowings } from './schema-breaks.js'

// biome-ignore lint/suspicious/noExplicitAny: schemas are bent in every way
type Any = any

const RELEASED = new URL('../released/schemas/', import.meta.url)
const NOW = new URL('../../schemas/', import.meta.url)
const names = (folder: URL) => readdirSync(folder).filter((name) => name.endsWith('.schema.json'))
const read = (folder: URL, name: string): Any => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
const versionOf = ({ $id }: Any) => basename($id, '.json')

if (process.env['CLONED_WRITE_RELEASED'] === '1') {
  for (const name of names(NOW)) writeFileSync(new URL(name, RELEASED), readFileSync(new URL(name, NOW)))
}

describe('a schema of the last release', () => {
  it.each(names(RELEASED))('%s refuses nothing today that it accepted, unless its major version is another', (name) => {
    const [released, now] = [read(RELEASED, name), read(NOW, name)]
    const [was, is] = [versionOf(released), versionOf(now)]
    if (major(was) === major(is)) expect(narrowings(released, now)).toEqual([])
    if (JSON.stringify(released) !== JSON.stringify(now)) expect(gt(is, was), `${is} after ${was}`).toBe(true)
  })

  it('is there for every schema that was', () => {
    expect(names(NOW)).toEqual(expect.arrayContaining(names(RELEASED)))
  })
})

const pack = readSchema('policy_pack') as Any
const bent = (bend: (schema: Any) => void): Any => {
  const copy = structuredClone(pack)
  bend(copy)
  return copy
}

const REFUSING: readonly (readonly [string, (schema: Any) => void, RegExp])[] = [
  ['a property that is now needed', (s) => s.required.push('change'), /^\/ now needs change$/],
  ['a property that is no longer known', (s) => delete s.properties.change, /^\/change is no longer taken$/],
  ['an enum without a value', (s) => s.properties.pack.enum.pop(), /^\/pack no longer takes "enterprise"$/],
  ['another const', (s) => Object.assign(s.properties.version, { const: 2 }), /^\/version no longer takes 1$/],
  ['a lower limit', (s) => Object.assign(s.properties.change.properties.id, { maxLength: 20 }), /tighter maxLength/],
  ['a new limit', (s) => Object.assign(s.properties.change.properties.id, { minLength: 9 }), /tighter minLength/],
  ['another pattern', (s) => Object.assign(s.properties.change.properties.id, { pattern: '^c' }), /another pattern/],
  ['a type less', (s) => Object.assign(s.properties.change.properties.approval, { type: 'string' }), /takes a null/],
  ['a condition more', (s) => Object.assign(s, { not: { required: ['change'] } }), /another not/],
  ['a tighter definition behind a reference', (s) => Object.assign(s.$defs.time, { maxLength: 3 }), /maxLength/],
]

const WIDENING: readonly (readonly [string, (schema: Any) => void])[] = [
  ['nothing', () => {}],
  [
    'a new optional property where unknown ones were refused',
    (s) => Object.assign(s.properties, { note: { type: 'string' } }),
  ],
  ['one more value', (s) => s.properties.pack.enum.push('team')],
  ['a property that may be missing', (s) => s.required.pop()],
  ['a higher limit', (s) => Object.assign(s.properties.change.properties.id, { maxLength: 300 })],
  ['no limit', (s) => delete s.properties.change.properties.id.maxLength],
  ['other words', (s) => Object.assign(s, { description: 'Else.', title: 'Else' })],
]

describe('a change that refuses what was accepted is found:', () => {
  it.each(REFUSING)('%s', (_, bend, says) => {
    expect(narrowings(pack, bent(bend)).join('\n')).toMatch(says)
  })
  it.each(WIDENING)('and not %s', (_, bend) => {
    expect(narrowings(pack, bent(bend))).toEqual([])
  })
  it('a property more where any was taken', () => {
    expect(narrowings({ type: 'object' }, { type: 'object', properties: { a: { type: 'string' } } })).toEqual([
      '/a no longer takes a null, boolean, object, array, number',
    ])
  })

  const leaf = fc.record(
    {
      type: fc.constantFrom('string', 'integer', 'number', 'boolean', 'null', ['string', 'null']),
      enum: fc.uniqueArray(fc.constantFrom('a', 'b', 1, 2.5, null, true), { minLength: 1, maxLength: 4 }),
      minimum: fc.integer({ min: 0, max: 3 }),
      maxLength: fc.integer({ min: 0, max: 2 }),
    },
    { requiredKeys: [] },
  )
  const schema = fc.record(
    {
      type: fc.constantFrom('object', 'string', ['object', 'array']),
      properties: fc.dictionary(fc.constantFrom('p', 'q'), leaf, { maxKeys: 2 }),
      required: fc.uniqueArray(fc.constantFrom('p', 'q'), { maxLength: 2 }),
      additionalProperties: fc.oneof(fc.boolean(), leaf),
      items: leaf,
      maxItems: fc.integer({ min: 0, max: 2 }),
      anyOf: fc.array(leaf, { minLength: 1, maxLength: 2 }),
    },
    { requiredKeys: [] },
  )
  const scalar = fc.constantFrom<unknown>('a', 'b', 'abc', 0, 1, 2, 2.5, null, true, false)
  const document = fc.oneof(
    scalar,
    fc.array(scalar, { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('p', 'q', 'r'), scalar, { maxKeys: 3 }),
  )

  // Mostly the older one, key by key: two schemas that have nothing in common are seldom compatible.
  const pair = fc
    .tuple(schema, schema, fc.infiniteStream(fc.integer({ min: 0, max: 5 })))
    .map(([older, other, dice]) => {
      const keys = [...new Set([...Object.keys(older), ...Object.keys(other)])] as (keyof typeof older)[]
      const newer = keys.map((key) => {
        const { value } = dice.next()
        return [key, value === 0 ? undefined : value === 1 ? other[key] : older[key]]
      })
      return [older, Object.fromEntries(newer.filter(([, part]) => part !== undefined))] as const
    })

  it('whatever is called harmless accepts every document that was accepted', () => {
    let harmless = 0
    fc.assert(
      fc.property(pair, fc.array(document, { minLength: 30, maxLength: 30 }), ([older, newer], documents) => {
        if (narrowings(older, newer).length > 0) return
        harmless++
        const ajv = new Ajv2020({ strict: false })
        const [was, is] = [ajv.compile(older), ajv.compile(newer)]
        for (const one of documents) if (was(one)) expect(is(one), JSON.stringify(one)).toBe(true)
      }),
      { numRuns: 150 },
    )
    expect(harmless).toBeGreaterThan(15)
  })
})
