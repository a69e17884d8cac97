// Needs the build, which compiles the schemas of a start to code: that code has to say what the compiler would say now.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ValidateFunction } from 'ajv/dist/2020.js'
import { builtIns, initWorkspace, open } from 'cloned'
import { digest, type Json, type JsonObject, readSchema } from 'cloned/kernel'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEngine, NAMED } from '../../kernel/engine.js'
import { freshSteps } from '../../kernel/steps.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const RUNS = process.env['CLONED_LONG'] === '1' ? 5_000 : 60

const places: string[] = []
let table: Record<string, Record<string, ValidateFunction>> = {}
beforeAll(() => {
  table = createRequire(import.meta.url)(`${ROOT}dist/kernel/precompiled.cjs`)(NAMED)
  if (Object.keys(table['true'] ?? {}).length === 0)
    throw new Error('no schema was compiled: run "npm run build" first')
})
afterAll(() => {
  for (const place of places) rmSync(place, { recursive: true, force: true })
})

/** How a workspace of its own is opened. */
function newWorkspace() {
  const root = mkdtempSync(join(tmpdir(), 'cloned-precompiled-'))
  places.push(root)
  initWorkspace(root, { type: 'personal', now: Date.now })
  return { root, config: { 'cloned.keys': { home: join(root, 'keys') } } }
}

/** Values that fit a schema here and there: in most places what it asks for, in some anything at all. */
function valuesOf(schema: unknown, root: JsonObject, depth = 0): fc.Arbitrary<unknown> {
  const anything = fc.jsonValue({ maxDepth: 1 })
  if (typeof schema !== 'object' || schema === null || depth > 7) return anything
  const { $ref, enum: choices, items, type, properties, additionalProperties: others, ...rest } = schema as JsonObject
  const inner = (one: unknown) => valuesOf(one, root, depth + 1)
  const fitting: fc.Arbitrary<unknown>[] = []
  if (typeof $ref === 'string') fitting.push(inner($ref.slice(2).split('/').reduce(partOf, root)))
  if (Array.isArray(choices)) fitting.push(fc.constantFrom(...choices))
  if ('const' in rest) fitting.push(fc.constant(rest['const']))
  for (const list of [rest['anyOf'], rest['oneOf'], rest['allOf']])
    if (Array.isArray(list)) fitting.push(...list.map(inner))
  if (properties || others) {
    const named = Object.entries(properties ?? {}).map(([key, one]) => [key, inner(one)] as const)
    const unnamed = fc.dictionary(fc.string({ maxLength: 4 }), inner(others), { maxKeys: 2 })
    const known = fc.record(Object.fromEntries(named), { requiredKeys: [] })
    fitting.push(fc.tuple(known, unnamed, fc.boolean()).map(([a, b, both]) => (both ? { ...b, ...a } : a)))
  }
  if (items) fitting.push(fc.array(inner(items), { maxLength: 3 }))
  if (type === 'string') fitting.push(typeof rest['pattern'] === 'string' ? words(rest['pattern']) : fc.string())
  if (type === 'integer' || type === 'number') fitting.push(fc.integer({ min: -2, max: 70_000 }))
  if (type === 'boolean') fitting.push(fc.boolean())
  return fitting.length === 0
    ? anything
    : fc.oneof({ weight: 9, arbitrary: fc.oneof(...fitting) }, { weight: 1, arbitrary: anything })
}

function partOf(of: Json | undefined, key: string): Json | undefined {
  return (of as JsonObject | undefined)?.[key]
}

function words(pattern: string): fc.Arbitrary<string> {
  try {
    return fc.oneof(fc.stringMatching(new RegExp(pattern)), fc.string())
  } catch {
    // It says something that nobody can make words from.
    return fc.string()
  }
}

/** ajv compares items by calling what a value has under `toString`, whatever that is: the code that it writes does too. */
function answerOf(check: ValidateFunction, value: unknown): readonly unknown[] {
  freshSteps(1_000_000)
  try {
    return [check(value), check.errors, value]
  } catch (error) {
    return [String(error)]
  }
}

function answersAlike(schema: JsonObject, defaults: boolean): void {
  const { $id: _, ...anonymous } = schema
  const built = table[String(defaults)]?.[digest(anonymous)]
  if (!built) throw new Error('the build has not compiled it')
  freshSteps(1_000_000)
  const now = createEngine({ defaults }).compile(anonymous)
  fc.assert(
    fc.property(valuesOf(anonymous, anonymous), (value) => {
      expect(answerOf(built, structuredClone(value))).toEqual(answerOf(now, structuredClone(value)))
    }),
    { numRuns: RUNS },
  )
}

describe('the code that the build makes of a schema', () => {
  it.each(builtIns.flatMap(({ manifest, config }) => (config ? [[manifest.id, config.schema] as const] : [])))(
    'answers as the compiler does, for the configuration of %s',
    (_, schema) => answersAlike(schema, true),
  )

  it.each(['workspace.config', 'policy_pack'])('answers as the compiler does, for a file that is a %s', (name) => {
    answersAlike(readSchema(name), false)
  })

  it('answers as the compiler does, for the tools that are always there', async () => {
    const kernel = await open(newWorkspace())
    const tools = kernel.tools()
    await kernel.stop()
    expect(tools.length).toBeGreaterThan(4)
    for (const { input, output } of tools) for (const schema of [input, output]) answersAlike(schema, false)
  })

  it('is all that a start and a call need: nothing is compiled on the way', () => {
    const script = `
      import { createRequire } from 'node:module'
      import { open } from 'cloned'
      const kernel = await open(${JSON.stringify(newWorkspace())})
      const { status } = await kernel.call({ tool: 'cloned.internal.fs.list@v1', input: { path: '.' } })
      await kernel.stop()
      const compilers = Object.keys(createRequire(import.meta.url).cache).filter((path) => /[\\\\/]ajv[\\\\/]/.test(path))
      console.log(JSON.stringify({ status, compilers }))`
    const options = { cwd: ROOT, encoding: 'utf8' as const }
    const run = () => JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], options))
    expect(run()).toEqual({ status: 'done', compilers: [] })
    // The second start reads the files that the first one wrote.
    expect(run()).toEqual({ status: 'done', compilers: [] })
  })
})
