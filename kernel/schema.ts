// Compiles JSON Schemas and words their violations; must never report only the first one.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js'
import { createEngine, freshPatterns, NAMED } from './engine.js'
import { describeThrown } from './errors.js'
import { digest, type JsonObject, snapshot } from './json.js'
import { freshSteps, TooLong } from './steps.js'

/** One violation of a schema. */
export interface SchemaProblem {
  /** JSON pointer of the offending value, `/` for the whole. */
  readonly path: string
  readonly message: string
}

/** Lists every violation, empty when the value fits. May fill in defaults when compiled so. */
export type Validate = (value: unknown) => readonly SchemaProblem[]

/** What a check of a value by the schema of a tool may take: a tenth of a second or two, at 5 to 100 ns for a step (measured). */
export const TOOL_STEPS = 3_000_000
/** The same by any other schema. Those are written here, for documents of many megabytes. */
const STEPS = 30 * TOOL_STEPS
/** An engine keeps parts of whatever it has compiled, and strangers' schemas come again and again. */
const MAX_COMPILED = 5_000

/** Validators by whether they fill in defaults and by the digest of their schema. */
type Precompiled = Readonly<Record<'true' | 'false', Readonly<Record<string, ValidateFunction>>>>
type Engines = Record<'plain' | 'defaults', ReturnType<typeof createEngine>>
const require = createRequire(import.meta.url)
const compiled = new Map<string, Validate>()
let engines: Engines | undefined
let precompiled: Precompiled | undefined
const NONE: Precompiled = { true: {}, false: {} }

/**
 * Compiles a schema, once per content. Throws ajv's error when the schema itself is not valid, or has a pattern that cannot
 * be matched in bounded time. A value that takes too many steps to check, or cannot be checked, does not fit.
 * With `defaults`, validating fills in the schema's defaults, so the value must not be frozen.
 */
export function compileSchema(
  schema: JsonObject,
  { defaults = false, steps = STEPS }: { defaults?: boolean; steps?: number } = {},
): Validate {
  // Anonymously: two plugins may ship different schemas under one $id.
  const { $id: _, ...anonymous } = schema
  const name = digest(snapshot(anonymous))
  const key = `${defaults}:${steps}:${name}`
  const known = compiled.get(key)
  if (known) return known
  const check = fromBuild()[`${defaults}`][name] ?? compileNow(anonymous, defaults)
  const validate: Validate = (value) => {
    freshSteps(steps)
    try {
      if (check(value) === true) return []
    } catch (error) {
      return [{ path: '/', message: unchecked(error) }]
    }
    return (check.errors ?? []).slice(0, 50).map(word)
  }
  compiled.set(key, validate)
  return validate
}

/** What the build compiled, by the engines below: a schema that has changed since has another digest. */
function fromBuild(): Precompiled {
  // By its path, so that no bundler draws it into a module: only a kernel that is made needs it.
  const path = fileURLToPath(new URL('./precompiled.cjs', import.meta.url))
  precompiled ??= existsSync(path) ? (require(path) as (named: typeof NAMED) => Precompiled)(NAMED) : NONE
  return precompiled
}

// ajv is loaded by the first schema that nobody compiled ahead: a start must not pay for it.
function compileNow(schema: JsonObject, defaults: boolean): ValidateFunction {
  if (compiled.size >= MAX_COMPILED) {
    compiled.clear()
    engines = undefined
  }
  freshSteps(STEPS)
  freshPatterns()
  // Each engine would compile the schema of schemas for itself; the first one judges for both.
  engines ??= { plain: createEngine(), defaults: createEngine({ defaults: true, judged: true }) }
  if (defaults) engines.plain.validateSchema(schema, true)
  const engine = engines[defaults ? 'defaults' : 'plain']
  // Keeping count of what was judged goes wrong where a reference leads to a schema without properties.
  engine.opts.unevaluated = JSON.stringify(schema).includes('"unevaluated')
  const check = engine.compile(schema)
  // An asynchronous schema answers a promise, which is as good as true to whoever does not look.
  if ('$async' in check) throw new TypeError('"$async" is not supported in schemas')
  return check
}

/** Why nobody can say whether a value fits. */
function unchecked(error: unknown): string {
  if (error instanceof TooLong) return error.message
  // A schema that leads back to itself with the same value ends with the stack.
  if (error instanceof RangeError) return 'takes too many levels to check'
  return `cannot be checked: ${describeThrown(error)}`
}

/** All violations in one line. */
export function wordProblems(problems: readonly SchemaProblem[]): string {
  return problems.map(({ path, message }) => `${path} ${message}`).join('; ')
}

function word(error: ErrorObject): SchemaProblem {
  const path = error.instancePath || '/'
  const params = error.params as Record<string, unknown>
  switch (error.keyword) {
    case 'additionalProperties':
      return { path: `${error.instancePath}/${String(params['additionalProperty'])}`, message: 'is not a known key' }
    case 'required':
      return { path: `${error.instancePath}/${String(params['missingProperty'])}`, message: 'is missing' }
    case 'enum':
      return { path, message: `must be one of ${JSON.stringify(params['allowedValues'])}` }
    default:
      return { path, message: error.message ?? `violates ${error.keyword}` }
  }
}
