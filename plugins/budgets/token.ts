// Turns what a call took into the token that its intent carries, and back; refuses a token of any other shape.
import type { Json } from 'cloned/kernel'
import type { Draw } from './caps.js'

/** One entry of a token. */
export interface TokenDraw {
  /** Name of the counter. */
  readonly cap: string
  /** Start of the window, milliseconds since 1970. */
  readonly window: number
  readonly millionths: number
}

/** The token of a take, as plain JSON. */
export function tokenOf(draws: readonly Draw[]): Json {
  return draws.map(({ counter, window, amount }) => ({ cap: counter, window, millionths: amount }))
}

/** Reads a token. Throws `TypeError` for anything that {@link tokenOf} does not make. */
export function readToken(token: Json): readonly TokenDraw[] {
  if (!Array.isArray(token)) throw new TypeError('the token of a budget is a list')
  return token.map((entry: Json) => {
    const { cap, window, millionths } = (entry ?? {}) as Partial<Record<string, Json>>
    if (
      typeof cap !== 'string' ||
      !isCount(millionths) ||
      typeof window !== 'number' ||
      !Number.isSafeInteger(window)
    ) {
      throw new TypeError('the token of a budget names cap, window and millionths')
    }
    return { cap, window, millionths }
  })
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
