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
  checkArguments,
  type Purpose,
  type Row,
  type Statement,
  type Store,
  statementFault,
  translate,
  type WriteOptions,
} from 'cloned/plugins/store'
import { put, WAKES, Wakes } from './wakes.js'

const STEPS = 'create table if not exists acme_steps (owner text, step integer, digest text, primary key (owner, step))'
const BUSY_MS = 10_000

interface Opened {
  readonly writer: Database
  /** Cannot write, whatever it is told. */
  readonly reader: Database
  readonly wakes: Wakes
}

/** A store in the file at `path`, made when there is none, for any number of processes. */
export class JournalStore implements Store {
  readonly #now: () => number
  readonly #log: Pick<Logger, 'error'>
  #open: Opened | undefined

  constructor(now: () => number, log: Pick<Logger, 'error'>) {
    this.#now = now
    this.#log = log
  }

  open(path: string): void {
    createPrivateFile(path)
    syncDirectory(dirname(path))
    const writer = openDatabase(path, { timeout: BUSY_MS })
    writer.exec('pragma journal_mode = delete')
    writer.exec('pragma synchronous = full')
    writer.exec(`${STEPS};${WAKES}`)
    const reader = openDatabase(path, { timeout: BUSY_MS, readOnly: true })
    const directory = join(dirname(path), 'acme-wakes')
    const wakes = new Wakes({ store: this, directory, now: this.#now, log: this.#log })
    this.#open = { writer, reader, wakes }
  }

  async all(sql: string, ...args: NonNullable<Statement['args']>): Promise<readonly Row[]> {
    return run(this.#opened().reader, { sql, args }, 0, 'read').rows
  }

  async write(batch: readonly Statement[], { wakes = [] }: WriteOptions = {}): Promise<readonly (readonly Row[])[]> {
    const written = this.#transaction((database) => {
      const answers = batch.map((statement, at) => expected(statement, at, run(database, statement, at, 'write')))
      for (const wake of wakes) run(database, put(wake, this.#now()), 0, 'write')
      return answers
    })
    for (const wake of wakes) this.#opened().wakes.notice(wake)
    return written
  }

  async migrate(owner: string, steps: readonly (readonly string[])[]): Promise<void> {
    this.#transaction((database) => {
      const applied = { sql: 'select digest from acme_steps where owner = $1 order by step', args: [owner] }
      const found = run(database, applied, 0, 'read').rows
      if (found.length > steps.length)
        throw new ClonedError('STORE_NEWER', { owner, found: found.length, known: steps.length })
      for (const [i, step] of steps.entries()) {
        const own = digest([...step])
        if (found[i] && found[i]['digest'] !== own) throw new ClonedError('STORE_STEP_CHANGED', { owner, step: i + 1 })
        if (found[i]) continue
        for (const sql of step) run(database, { sql }, 0, 'migrate')
        const applying = 'insert into acme_steps (owner, step, digest) values ($1, $2, $3)'
        run(database, { sql: applying, args: [owner, i + 1, own] }, 0, 'write')
      }
    })
  }

  now = async () => this.#now()

  work(...handler: Parameters<Store['work']>): void {
    this.#opened().wakes.work(...handler)
  }

  drainWork = async () => this.#opened().wakes.drain()

  /** Stops handling wakes. Legal at any time, and twice. */
  async drain(): Promise<void> {
    await this.#open?.wakes.stop()
  }

  async close(): Promise<void> {
    await this.drain()
    this.#open?.reader.close()
    this.#open?.writer.close()
    this.#open = undefined
  }

  #opened(): Opened {
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

function run(database: Database, { sql, args = [] }: Statement, at: number, purpose: Purpose) {
  const { text, arity } = translate(sql, purpose)
  checkArguments(sql, arity, args)
  try {
    const prepared = database.prepare(text)
    const rows: readonly Row[] = prepared.columns().length > 0 ? prepared.all(...args) : []
    const changes = prepared.columns().length > 0 ? rows.length : Number(prepared.run(...args).changes)
    return { rows, changes }
  } catch (error) {
    throw statementFault(error, sql, at)
  }
}

function expected({ expect }: Statement, at: number, { rows, changes }: ReturnType<typeof run>): readonly Row[] {
  if (expect === undefined || changes === expect) return rows
  const found = `changed or returned ${changes} row(s)`
  throw new ClonedError('STORE_CONFLICT', { statement: at + 1, found, expected: expect })
}
