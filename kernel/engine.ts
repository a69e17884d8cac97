// Sets up ajv as this package uses it, for the run and for the build that compiles ahead of it; it compiles nothing by itself.
import { createRequire } from 'node:module'
import { compileRegex } from './regex.js'
import { boundKeywords, twinsIn } from './schema-steps.js'
import { spend } from './steps.js'

type Ajv2020 = import('ajv/dist/2020.js').Ajv2020
const require = createRequire(import.meta.url)

/** Marks a property whose value may stand in the audit log in clear. */
export const LOGGABLE = 'x-loggable'

/** What the code of validators calls by these names. */
export const NAMED = { compileRegex, spend, twinsIn }

/** Of all patterns of one schema. */
const MAX_STATES = 20_000
let states = 0

/** Before each schema: its patterns are counted together. */
export function freshPatterns(): void {
  states = 0
}

const regExp = Object.assign(
  (pattern: string) => {
    try {
      const regex = compileRegex(pattern)
      states += regex.states
      if (states > MAX_STATES) throw new Error('is too large, with those before it')
      return Object.assign(regex, { toString: () => pattern })
    } catch (error) {
      throw new Error(`its pattern ${JSON.stringify(pattern).slice(0, 100)} ${(error as Error).message}`)
    }
  },
  { code: 'compileRegex' satisfies keyof typeof NAMED },
)

/** With `source`, the validators keep the code that they are made of. With `judged`, schemas are taken without a check. */
export function createEngine({
  defaults = false,
  judged = false,
  source = false,
}: {
  readonly defaults?: boolean
  readonly judged?: boolean
  readonly source?: boolean
} = {}): Ajv2020 {
  const { Ajv2020, _ } = require('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js')
  const engine = new Ajv2020({
    allErrors: true,
    strict: true,
    // Tuples that go on after their named items cannot be written in any other way.
    strictTuples: false,
    allowUnionTypes: true,
    validateFormats: false,
    ownProperties: true,
    useDefaults: defaults,
    validateSchema: !judged,
    // What it leaves out of the code that it writes takes longer to find than the code takes to run.
    code: { optimize: false, source, regExp },
  })
  engine.addKeyword({ keyword: LOGGABLE, schemaType: 'boolean' })
  boundKeywords(engine, _)
  return engine
}
