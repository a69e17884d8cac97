// Compiles JSON Schemas and words their violations; must never report only the first one.
import { createRequire } from 'node:module'
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js'
import { digest, type JsonObject, snapshot } from './json.js'

/** One violation of a schema. */
export interface SchemaProblem {
  /** JSON pointer of the offending value, `/` for the whole. */
  readonly path: string
  readonly message: string
}

/** Lists every violation, empty when the value fits. May fill in defaults when compiled so. */
export type Validate = (value: unknown) => readonly SchemaProblem[]

/** Marks a property whose value may stand in the audit log in clear. */
export const LOGGABLE = 'x-loggable'

type Ajv2020 = import('ajv/dist/2020.js').Ajv2020
const require = createRequire(import.meta.url)
let shared: { plain: Ajv2020; defaults: Ajv2020 } | undefined
const compiled = new Map<string, Validate>()

// ajv is loaded by the first schema that is compiled: `cloned --help` must not pay for it.
function ajv(): { plain: Ajv2020; defaults: Ajv2020 } {
  if (!shared) {
    const { Ajv2020 } = require('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js')
    const options = {
      allErrors: true,
      strict: true,
      // Tuples that go on after their named items cannot be written in any other way.
      strictTuples: false,
      allowUnionTypes: true,
      validateFormats: false,
      ownProperties: true,
      // What it leaves out of the code that it writes takes longer to find than the code takes to run.
      code: { optimize: false },
    }
    // Each engine would compile the schema of schemas for itself; the first one judges for both.
    const judged = { ...options, useDefaults: true, validateSchema: false }
    shared = { plain: new Ajv2020(options), defaults: new Ajv2020(judged) }
    for (const engine of Object.values(shared)) engine.addKeyword({ keyword: LOGGABLE, schemaType: 'boolean' })
  }
  return shared
}

/**
 * Compiles a schema, once per content. Throws ajv's error when the schema itself is not valid.
 * With `defaults`, validating fills in the schema's defaults, so the value must not be frozen.
 */
export function compileSchema(schema: JsonObject, { defaults = false }: { defaults?: boolean } = {}): Validate {
  const key = `${defaults}:${digest(snapshot(schema))}`
  const known = compiled.get(key)
  if (known) return known
  const engine = ajv()[defaults ? 'defaults' : 'plain']
  // Compiled anonymously: two plugins may ship different schemas under one $id.
  const { $id: _, ...anonymous } = schema
  if (defaults) ajv().plain.validateSchema(anonymous, true)
  const check = engine.compile(anonymous) as ValidateFunction
  // An asynchronous schema answers a promise, which is as good as true to whoever does not look.
  if ('$async' in check) throw new TypeError('"$async" is not supported in schemas')
  const validate: Validate = (value) => {
    if (check(value) === true) return []
    return (check.errors ?? []).slice(0, 50).map(word)
  }
  compiled.set(key, validate)
  return validate
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
