// Bounds the time that checking a value by a stranger's schema may take; such a check must never hold the process.
import { type Context, createContext, Script } from 'node:vm'
import type { JsonObject } from './json.js'
import type { Validate } from './schema.js'

const LONGEST_MS = 1_000
/** What can take longer than in proportion to schema and value: expressions, comparing items in pairs, recursion. */
const COSTLY = /"(?:pattern|patternProperties|uniqueItems|\$ref|\$dynamicRef)":/
/** Characters of a schema from which on even the proportion is long. */
const LARGE = 16 * 1024

let timed: { readonly script: Script; readonly context: Context } | undefined

/** The same check, but a value that takes longer than a second to check does not fit. Free for schemas that cannot. */
export function boundedValidate(schema: JsonObject, validate: Validate): Validate {
  const text = JSON.stringify(schema)
  if (text.length < LARGE && !COSTLY.test(text)) return validate
  return (value) => {
    timed ??= { script: new Script('check()'), context: createContext({}) }
    const { script, context } = timed
    context['check'] = () => validate(value)
    try {
      // Nothing else ends a regular expression that is being matched.
      return script.runInContext(context, { timeout: LONGEST_MS }) as ReturnType<Validate>
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
      return [{ path: '/', message: `takes longer than ${LONGEST_MS} ms to check` }]
    } finally {
      context['check'] = undefined
    }
  }
}
