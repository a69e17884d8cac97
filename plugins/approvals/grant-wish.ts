// Makes terms of what somebody says of a grant; what is not said is narrow: few calls, a day, the hosts of the request.
import { type GrantTerms, isClonedError, type Json, type JsonObject, snapshot } from 'cloned/kernel'
import { hostsIn, sameAs } from './grant-terms.js'

export const DEFAULT_COUNT = 10
const DEFAULT_MS = 24 * 3_600_000

/** Which later calls are let through: those with the same values of some arguments, or those that fit a schema. */
export interface GrantWish {
  readonly same?: readonly string[]
  readonly schema?: JsonObject
  /** Default: those that the request names. */
  readonly hosts?: readonly string[]
  readonly count?: number
  /** Milliseconds since 1970. */
  readonly until?: number
}

/** Throws a `RangeError` that says what is wrong with the wish. What terms may be at all is checked when they are given. */
export function termsFor(wish: GrantWish, input: Json, now: number): GrantTerms {
  const { hosts = hostsIn(input), count = DEFAULT_COUNT, until = now + DEFAULT_MS } = wish
  return { schema: schemaFor(wish, input), hosts, count, until }
}

function schemaFor({ same, schema }: GrantWish, input: Json): JsonObject {
  if ((same === undefined) === (schema === undefined))
    throw new RangeError('a grant takes either arguments that stay the same or a schema of the input')
  if (same !== undefined) return sameAs(input, same)
  try {
    return snapshot(schema) as JsonObject
  } catch (cause) {
    throw new RangeError(isClonedError(cause) ? cause.message : 'the schema cannot be read', { cause })
  }
}
