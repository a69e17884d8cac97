// Opens SQLite through the one API that node:sqlite and @photostructure/sqlite share; refuses versions known to corrupt.
import { createRequire } from 'node:module'
import { ClonedError, describeThrown } from './errors.js'

/** What SQLite keeps in a cell. */
export type SqlValue = null | number | bigint | string | Uint8Array

/** A prepared statement: the part of `node:sqlite`'s StatementSync that is relied on. */
export interface PreparedStatement {
  get(...args: readonly SqlValue[]): Readonly<Record<string, SqlValue>> | undefined
  all(...args: readonly SqlValue[]): readonly Readonly<Record<string, SqlValue>>[]
  run(...args: readonly SqlValue[]): { readonly changes: number | bigint }
  /** Empty for a statement that answers no rows. */
  columns(): readonly unknown[]
}

/** An open database: the part of `node:sqlite`'s DatabaseSync that is relied on. */
export interface Database {
  readonly isOpen: boolean
  exec(sql: string): void
  prepare(sql: string): PreparedStatement
  /** Ends the connection, and its transaction with it. */
  close(): void
}

type Driver = new (
  path: string,
  options?: { timeout: number; readOnly: boolean },
) => Database & { isTransaction?: boolean }

// 3.51.3 mends the WAL-reset bug: two connections that write and checkpoint at one moment could corrupt the file.
const FIRST_SAFE = [3, 51, 3] as const
let driver: Driver | undefined

/** How to open. */
export interface OpenOptions {
  /** How long a statement waits, blocking the thread, for another connection's lock. Milliseconds, 5000 by default. */
  readonly timeout?: number
  /** The file must exist, and every statement that would change it fails. */
  readonly readOnly?: boolean
}

/** Opens or creates a database file. Throws `SQLITE_UNUSABLE` when there is no driver or only an unsafe one. */
export function openDatabase(path: string, { timeout = 5_000, readOnly = false }: OpenOptions = {}): Database {
  driver ??= findDriver()
  const database = new driver(path, { timeout, readOnly })
  return {
    get isOpen() {
      return database.isOpen
    },
    exec: (sql) => database.exec(sql),
    prepare: (sql) => database.prepare(sql),
    // @photostructure/sqlite 1.2 leaves prepared statements to the garbage collector, and until it has come by SQLite keeps
    // a closed connection alive: without the rollback it went on locking every other writer out, for seconds (measured).
    close: () => {
      try {
        if (database.isTransaction) database.exec('rollback')
      } finally {
        database.close()
      }
    },
  }
}

/** SQLite's primary result code of an error (5 is busy), `undefined` for an error that is not SQLite's. */
export function sqliteCode(error: unknown): number | undefined {
  const code = error instanceof Error ? (error as { errcode?: unknown }).errcode : undefined
  // The low byte is the primary code; the rest tells, for example, which kind of busy it was.
  return typeof code === 'number' ? code & 0xff : undefined
}

const require = createRequire(import.meta.url)

/** Names are written out: a build has to know what it is made of. */
const DRIVERS = {
  'node:sqlite': () => require('node:sqlite'),
  '@photostructure/sqlite': () => require('@photostructure/sqlite'),
}

function findDriver(): Driver {
  const failures: string[] = []
  for (const [name, load] of Object.entries(DRIVERS)) {
    try {
      const { DatabaseSync } = quietly(load) as { DatabaseSync: Driver }
      const probe = new DatabaseSync(':memory:')
      const version = String(probe.prepare('select sqlite_version() as version').get()?.['version'])
      probe.close()
      if (isSafe(version)) return DatabaseSync
      failures.push(`${name} carries SQLite ${version}, older than ${FIRST_SAFE.join('.')}`)
    } catch (error) {
      failures.push(`${name}: ${describeThrown(error).split('\n')[0]}`)
    }
  }
  throw new ClonedError('SQLITE_UNUSABLE', { cause: failures.join('; ') })
}

/** node:sqlite prints an ExperimentalWarning on Node 22; it would land in the middle of a command's output. */
function quietly<T>(load: () => T): T {
  const emit = process.emitWarning
  process.emitWarning = (() => {}) as typeof process.emitWarning
  try {
    return load()
  } finally {
    process.emitWarning = emit
  }
}

function isSafe(version: string): boolean {
  const parts = version.split('.').map(Number)
  for (const [i, floor] of FIRST_SAFE.entries()) {
    const part = parts[i] ?? 0
    if (part !== floor) return part > floor
  }
  return true
}
