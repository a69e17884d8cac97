// Decides whether an input fits the schema of a grant; one that cannot be judged, or not in time, does not fit.
import { createContext, Script } from 'node:vm'
import { compileSchema, type Json, type JsonObject } from 'cloned/kernel'

/** A pattern can take longer than anybody lives, and the input is the agent's. Of a busy machine: nothing else needs 1 ms. */
const MAX_MS = 500
const script = new Script('judge()')
const context = createContext({ judge: () => false })

/** Stops after 500 ms, regular expressions included. Throws ajv's error for a schema that is none. */
export function fits(schema: JsonObject, input: Json): boolean {
  const validate = compileSchema(schema)
  context['judge'] = () => validate(input).length === 0
  try {
    return script.runInContext(context, { timeout: MAX_MS }) === true
  } catch {
    // Too long, a schema that refers to itself without an end, or a key like `toString` that ajv calls where it compares.
    return false
  } finally {
    context['judge'] = undefined
  }
}
