// Runs prepared statements on an open store; never prepares one twice while it is in use, nor runs one unchecked.
import { ClonedError, type Database } from 'cloned/kernel'
import type { Connections } from './database-file.js'
import { isBusy, isFileFault, statementFault } from './faults.js'
import type { Row, Statement, Value } from './slot.js'
import { checkArguments, type Purpose, translate } from './statement.js'

type Prepared = ReturnType<Database['prepare']>
interface Known {
  readonly prepared: Prepared
  readonly arity: number
  readonly returns: boolean
}

// Plugins use a few dozen texts; a text built from data would otherwise fill the memory.
const MAX_CACHED = 500

/** One open store with its prepared statements. */
export class Session {
  readonly connections: Connections
  readonly #known: Readonly<Record<Purpose, Map<string, Known>>> = {
    read: new Map(),
    write: new Map(),
    migrate: new Map(),
  }
  #synchronous: 'full' | 'normal' | undefined

  constructor(connections: Connections) {
    this.connections = connections
  }

  /** Chooses whether the next commit is synced to the device. Outside a transaction only. */
  synchronous(level: 'full' | 'normal'): void {
    if (this.#synchronous === level) return
    this.connections.writer.exec(`pragma synchronous = ${level}`)
    this.#synchronous = level
  }

  /**
   * Forgets what was prepared for tables that a migration may have changed. node:sqlite asks a statement for its columns
   * before SQLite notices that the schema is another: `select *` would go on answering the old ones.
   */
  migrated(): void {
    for (const cache of Object.values(this.#known)) cache.clear()
    this.connections.reader.prepare('select count(*) from sqlite_schema').get()
  }

  /** Reads on the connection that cannot write. */
  read(sql: string, args: readonly Value[]): readonly Row[] {
    try {
      const known = this.#prepare('read', sql, args)
      return known.prepared.all(...args)
    } catch (error) {
      throw isFileFault(error) || isBusy(error) ? error : statementFault(error, sql, 0)
    }
  }

  /** Runs a batch inside the present transaction. Throws at the first statement that fails or misses its number. */
  batch(statements: readonly Statement[], purpose: 'write' | 'migrate' = 'write'): readonly (readonly Row[])[] {
    return statements.map((statement, index) => this.#run(statement, index, purpose))
  }

  #run({ sql, args = [], expect }: Statement, index: number, purpose: Purpose): readonly Row[] {
    let rows: readonly Row[] = []
    let count: number
    try {
      const known = this.#prepare(purpose, sql, args)
      if (known.returns) {
        rows = known.prepared.all(...args)
        count = rows.length
      } else count = Number(known.prepared.run(...args).changes)
    } catch (error) {
      throw isFileFault(error) ? error : statementFault(error, sql, index)
    }
    if (expect !== undefined && count !== expect) {
      const params = { statement: index + 1, found: `changed or returned ${count} row(s)`, expected: expect }
      throw new ClonedError('STORE_CONFLICT', params)
    }
    return rows
  }

  #prepare(purpose: Purpose, sql: string, args: readonly Value[]): Known {
    const cache = this.#known[purpose]
    let known = cache.get(sql)
    if (!known) {
      const { text, arity } = translate(sql, purpose)
      const { reader, writer } = this.connections
      const prepared = (purpose === 'read' ? reader : writer).prepare(text)
      known = { prepared, arity, returns: prepared.columns().length > 0 }
      if (cache.size >= MAX_CACHED) cache.clear()
      cache.set(sql, known)
    }
    checkArguments(sql, known.arity, args)
    return known
  }
}
