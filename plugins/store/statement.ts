// Translates one statement of the shared SQL and checks what it asks for; never lets one end or start a transaction.
import { ClonedError } from 'cloned/kernel'
import type { Value } from './slot.js'

/** A statement as SQLite takes it. */
export interface Translated {
  /** The text with `?1` for `$1`. */
  readonly text: string
  /** How many arguments it takes. */
  readonly arity: number
}

/** What a statement is for decides which first words it may have. */
export type Purpose = 'read' | 'write' | 'migrate'

const FIRST_WORDS: Readonly<Record<Purpose, readonly string[]>> = {
  read: ['select', 'with', 'values'],
  write: ['insert', 'update', 'delete', 'select', 'with'],
  migrate: ['create', 'alter', 'drop', 'insert', 'update', 'delete', 'with'],
}
// What is quoted or a comment is matched first, so that nothing inside it is taken for a parameter or an end.
const TOKENS = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\d+)|;/g

/**
 * Translates one statement. Throws `STORE_STATEMENT` for a first word that does not fit the purpose (`commit` would end
 * everybody's transaction), for more than one statement (the rest would silently not run), and for parameters with gaps.
 */
export function translate(sql: string, purpose: Purpose): Translated {
  const refuse = (problem: string) => statementError(sql, problem)
  const source = sql.trim().replace(/;$/, '')
  const first = /^[a-z]+/i.exec(source)?.[0].toLowerCase() ?? ''
  if (!FIRST_WORDS[purpose].includes(first)) throw refuse(`a ${purpose} does not begin with "${first}"`)
  const used = new Set<number>()
  const text = source.replace(TOKENS, (token, parameter: string | undefined) => {
    if (token === ';') throw refuse('it is more than one statement')
    if (parameter === undefined) return token
    used.add(Number(parameter))
    return `?${parameter}`
  })
  for (let i = 1; i <= used.size; i++) if (!used.has(i)) throw refuse(`parameter $${i} is not used`)
  return { text, arity: used.size }
}

/** Checks arguments. SQLite itself would take a missing one, and NaN, for null. */
export function checkArguments(sql: string, arity: number, args: readonly Value[]): void {
  if (args.length !== arity) throw statementError(sql, `it takes ${arity} argument(s) and got ${args.length}`)
  for (const [i, value] of args.entries()) {
    const fits =
      value === null ||
      typeof value === 'string' ||
      typeof value === 'bigint' ||
      (typeof value === 'number' && Number.isFinite(value)) ||
      value instanceof Uint8Array
    if (!fits) throw statementError(sql, `argument $${i + 1} is ${typeof value === 'number' ? value : typeof value}`)
  }
}

/** A `STORE_STATEMENT` error that shows the beginning of the statement. */
export function statementError(sql: string, problem: string, cause?: unknown): ClonedError {
  const shown = sql.trim().replace(/\s+/g, ' ')
  return new ClonedError(
    'STORE_STATEMENT',
    { problem, sql: shown.length > 120 ? `${shown.slice(0, 119)}…` : shown },
    cause === undefined ? {} : { cause },
  )
}
