// Keeps state in one SQLite file with a rollback journal; every batch is its own transaction, synced before it is answered.
import { dirname, join } from 'node:path'
import {
  ClonedError,
  createPrivateFile,
  type Database,
  describeThrown,
  digest,
  type Logger,
  openDatabase,
  syncDirectory,
} from 'cloned/kernel'
import {
  appliedSteps,
  checkArguments,
  createWakes,
  type Purpose,
  type Row,
  type Statement,
  type Store,
  statementFault,
  translate,
  type WakeWork,
  type WriteOptions,
} from 'cloned/plugins/store'

const STEPS = 'create table if not exists acme_steps (owner text, step integer, digest text, primary key (owner, step))'
const BUSY_MS = 10_000

/** A store in the file at `path`, made when there is none, for any number of processes. */
export class JournalStore implements Store {
  readonly #path: () => string
  readonly #now: () => number
  readonly #wakes: WakeWork
  /** The reader cannot write, whatever it is told. */
  #open: { readonly writer: Database; readonly reader: Database } | undefined

  constructor(path: () => string, now: () => number, log: Pick<Logger, 'error'>) {
    this.#path = path
    this.#now = now
    this.#wakes = createWakes({ store: this, directory: () => join(dirname(path()), 'acme-wakes'), now, log })
  }

  async open(): Promise<void> {
    const path = this.#path()
    createPrivateFile(path)
    syncDirectory(dirname(path))
    const writer = openDatabase(path, { timeout: BUSY_MS })
    writer.exec(`pragma journal_mode = delete; pragma synchronous = full; ${STEPS}`)
    this.#open = { writer, reader: openDatabase(path, { timeout: BUSY_MS, readOnly: true }) }
    await this.migrate('acme.store', this.#wakes.steps)
  }

  async all(sql: string, ...args: NonNullable<Statement['args']>): Promise<readonly Row[]> {
    return run(this.#opened().reader, { sql, args }, 0, 'read')
  }

  async write(batch: readonly Statement[], { wakes = [] }: WriteOptions = {}): Promise<readonly (readonly Row[])[]> {
    const statements = [...batch, ...this.#wakes.put(wakes)]
    const rows = this.#transaction((database) => statements.map((each, at) => run(database, each, at, 'write')))
    this.#wakes.notice(wakes)
    return rows.slice(0, batch.length)
  }

  async migrate(owner: string, steps: readonly (readonly string[])[]): Promise<void> {
    this.#transaction((database) => {
      const sql = 'select step, digest from acme_steps where owner = $1 order by step'
      const applied = run(database, { sql, args: [owner] }, 0, 'read')
      for (let step = appliedSteps(owner, applied, steps); step < steps.length; step++) {
        const statements = steps[step] ?? []
        for (const each of statements) run(database, { sql: each }, 0, 'migrate')
        const args = [owner, step + 1, digest([...statements])]
        run(database, { sql: 'insert into acme_steps (owner, step, digest) values ($1, $2, $3)', args }, 0, 'write')
      }
    })
  }

  now = async () => this.#now()

  work(...handler: Parameters<Store['work']>): void {
    this.#wakes.work(...handler)
  }

  drainWork = () => this.#wakes.drainWork()

  /** Stops handling wakes. Legal at any time, and twice. */
  drain = () => this.#wakes.stop()

  async close(): Promise<void> {
    await this.drain()
    this.#open?.reader.close()
    this.#open?.writer.close()
    this.#open = undefined
  }

  #opened() {
    if (this.#open) return this.#open
    throw new ClonedError('STORE_CLOSED', {})
  }

  #transaction<T>(work: (database: Database) => T): T {
    const { writer } = this.#opened()
    begin(writer)
    try {
      const answer = work(writer)
      writer.exec('commit')
      return answer
    } catch (error) {
      writer.exec('rollback')
      if (error instanceof ClonedError) throw error
      throw new ClonedError('STORE_FAILED', { cause: describeThrown(error) }, { cause: error })
    }
  }
}

function begin(database: Database): void {
  try {
    database.exec('begin immediate')
  } catch (error) {
    throw new ClonedError('STORE_BUSY', { ms: BUSY_MS }, { cause: error })
  }
}

/** Throws `STORE_STATEMENT`, and `STORE_CONFLICT` when it did not change or return the number of rows that it expects. */
function run(database: Database, { sql, args = [], expect }: Statement, at: number, purpose: Purpose): readonly Row[] {
  const { text, arity } = translate(sql, purpose)
  checkArguments(sql, arity, args)
  let rows: readonly Row[] = []
  let count: number
  try {
    const prepared = database.prepare(text)
    const returns = prepared.columns().length > 0
    if (returns) rows = prepared.all(...args)
    count = returns ? rows.length : Number(prepared.run(...args).changes)
  } catch (error) {
    throw statementFault(error, sql, at)
  }
  if (expect === undefined || count === expect) return rows
  throw new ClonedError('STORE_CONFLICT', { statement: at + 1, found: `${count} row(s)`, expected: expect })
}
