// Sorts the errors of SQLite by what they mean for the caller; never turns one into a success.
import { ClonedError, describeThrown } from 'cloned/kernel'
import { statementError } from './statement.js'

const BUSY = 5
const CONSTRAINT = 19
const UNIQUE = new Set([1555, 2067, 2579])
const OF_THE_MACHINE = new Set([7, 10, 13])
// Those, and corrupt, cannot open, not a database.
const OF_THE_FILE = new Set([...OF_THE_MACHINE, 11, 14, 26])

function codes(error: unknown): { primary: number; extended: number } | undefined {
  const extended = error instanceof Error ? (error as { errcode?: unknown }).errcode : undefined
  return typeof extended === 'number' ? { primary: extended & 0xff, extended } : undefined
}

/** Another connection holds the lock; trying again later is right. */
export function isBusy(error: unknown): boolean {
  return codes(error)?.primary === BUSY
}

/** The file or the machine is at fault, not the statement, so no other statement of the same transaction may be trusted either. */
export function isFileFault(error: unknown): boolean {
  return OF_THE_FILE.has(codes(error)?.primary ?? -1)
}

/** The machine is at fault (no memory, input/output, full), and the file may be as good as it was. */
export function isMachineFault(error: unknown): boolean {
  return OF_THE_MACHINE.has(codes(error)?.primary ?? -1)
}

/** What a batch is told about an error of one of its statements. */
export function statementFault(error: unknown, sql: string, index: number): unknown {
  if (error instanceof ClonedError) return error
  const found = codes(error)
  if (found?.primary === CONSTRAINT && UNIQUE.has(found.extended)) {
    const params = { statement: index + 1, found: 'met a row with the same key', expected: 'a new key' }
    return new ClonedError('STORE_CONFLICT', params, { cause: error })
  }
  return statementError(sql, describeThrown(error), error)
}

/** What everybody of a failed transaction is told. */
export function storeFault(error: unknown): ClonedError {
  return new ClonedError('STORE_FAILED', { cause: describeThrown(error) }, { cause: error })
}
