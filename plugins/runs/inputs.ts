// Asks the person at the terminal for the inputs that a pipeline needs and was not given; what is typed is judged by its schema.
import type { Json, JsonObject } from 'cloned/kernel'
import type { CommandContext } from '../cli/slot.js'

/** The inputs with what the person typed; unchanged where they are no object, and from the first question left open. */
export async function askInputs(schema: JsonObject, given: unknown, ctx: CommandContext): Promise<unknown> {
  if (given === null || typeof given !== 'object' || Array.isArray(given)) return given
  const inputs: Record<string, unknown> = { ...given }
  const { required, properties } = schema
  for (const name of Array.isArray(required) ? required : []) {
    if (typeof name !== 'string' || Object.hasOwn(inputs, name)) continue
    const about = propertyOf(properties, name)
    if (Object.hasOwn(about, 'default')) continue
    const answer = await ask(name, about, ctx)
    if (answer === undefined) return inputs
    inputs[name] = answer
  }
  return inputs
}

async function ask(name: string, about: JsonObject, ctx: CommandContext): Promise<Json | undefined> {
  const { type, description, enum: values } = about
  const question = typeof description === 'string' ? `${name}: ${description}` : name
  if (type === 'boolean') {
    const answer = await ctx.choose(question, YES_NO)
    return answer === undefined ? undefined : answer === 'true'
  }
  if (Array.isArray(values) && values.length > 0 && values.every((value) => typeof value === 'string')) {
    return ctx.choose(
      question,
      (values as string[]).map((value) => ({ value, label: value })),
    )
  }
  const typed = await ctx.ask(type === 'string' ? question : `${question} (JSON)`)
  return typed === undefined || type === 'string' ? typed : readTyped(typed)
}

/** What is no JSON is taken as the text that it is; the schema then says whether that will do. */
function readTyped(typed: string): Json {
  try {
    return JSON.parse(typed) as Json
  } catch {
    return typed
  }
}

function propertyOf(properties: Json | undefined, name: string): JsonObject {
  const known = properties as JsonObject | undefined
  const found = known && Object.hasOwn(known, name) ? known[name] : undefined
  return found !== null && typeof found === 'object' && !Array.isArray(found) ? (found as JsonObject) : {}
}

const YES_NO = [
  { value: 'true', label: 'Yes' },
  { value: 'false', label: 'No' },
] as const
