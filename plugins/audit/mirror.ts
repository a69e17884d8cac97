// Finds records by what they say, in tables that are rebuilt from the log at will; must never be believed over the log.
import { isClonedError, type StoredRecord, sha256 } from 'cloned/kernel'
import type { Row, Statement, Store, Value } from '../store/slot.js'
import { type Cursor, logLines } from './files.js'
import { MAX_LINE } from './format.js'
import type { AuditPaths } from './paths.js'
import { type Line, openForReading, storedRecord } from './read.js'
import { segmentPath } from './segments.js'

/** What records are looked for. Times are milliseconds since 1970. */
export interface AuditQuery {
  /** A tool by id, with or without its version. */
  readonly tool?: string
  readonly actor?: string
  /** `status` of an outcome. */
  readonly outcome?: string
  readonly since?: number
  readonly until?: number
  /** Only records with a lower number. */
  readonly before?: number
  readonly limit: number
}

const OWNER = 'cloned.audit'
const STEPS: readonly (readonly string[])[] = [
  [
    `create table audit_records (seq bigint primary key, first bigint not null, at_byte bigint not null,
      bytes bigint not null, at bigint not null, target text, actor text, status text)`,
    'create index audit_records_target on audit_records (target, seq)',
    'create index audit_records_actor on audit_records (actor, seq)',
    'create index audit_records_status on audit_records (status, seq)',
    'create index audit_records_at on audit_records (at, seq)',
    `create table audit_mirror (id integer primary key, seq bigint not null, first bigint not null,
      at_byte bigint not null, bytes bigint not null, hash text not null)`,
    "insert into audit_mirror (id, seq, first, at_byte, bytes, hash) values (1, 0, 1, 0, 0, '')",
  ],
]
const COLUMNS = 8
/** Rows of one statement, and of one batch. */
const ROWS = 50
const BATCH = 1_000

/** The last record that is in the tables. */
interface Mirrored {
  readonly seq: number
  readonly first: number
  readonly at: number
  readonly bytes: number
  readonly hash: string
}

export class Mirror {
  readonly #paths: AuditPaths
  readonly #store: Store
  #migrated: Promise<void> | undefined

  constructor(paths: AuditPaths, store: Store) {
    this.#paths = paths
    this.#store = store
  }

  /** The newest matching records, oldest first, read from the log itself. Takes in first what is not mirrored yet. */
  async query(query: AuditQuery): Promise<readonly StoredRecord[]> {
    await this.sync()
    const { sql, args } = select(query)
    const rows = await this.#store.all(sql, ...args)
    const records: StoredRecord[] = []
    for (const row of rows.toReversed()) {
      const found = await readAt(this.#paths, lineOf(row))
      // Pruned meanwhile.
      if (found) records.push(storedRecord(found.path, found.line))
    }
    return records
  }

  /** Takes in every record that is not in the tables, and starts over when they do not fit the log. */
  async sync(): Promise<void> {
    this.#migrated ??= this.#store.migrate(OWNER, STEPS)
    await this.#migrated
    for (;;) {
      try {
        const from = await this.#from()
        await this.#takeIn(from)
        return
      } catch (error) {
        // Another process is doing the same: go on where it got to.
        if (!isClonedError(error) || error.code !== 'STORE_CONFLICT') throw error
      }
    }
  }

  async #from(): Promise<Mirrored> {
    const [row] = await this.#store.all('select seq, first, at_byte, bytes, hash from audit_mirror where id = 1')
    const mirrored = mirroredOf(row)
    if (mirrored.seq === 0 || (await this.#fits(mirrored))) return mirrored
    const clear = [{ sql: 'delete from audit_records' }, moveTo(START, mirrored.seq)]
    await this.#store.write(clear, { durable: false })
    return START
  }

  async #fits(mirrored: Mirrored): Promise<boolean> {
    const found = await readAt(this.#paths, mirrored)
    return found !== undefined && sha256(found.line.bytes) === mirrored.hash
  }

  async #takeIn(from: Mirrored): Promise<void> {
    const cursor: Cursor = { first: from.first, offset: from.at + from.bytes }
    let last = from
    let rows: Value[][] = []
    const flush = async () => {
      const next = last
      const done = rows
      rows = []
      if (done.length === 0) return
      await this.#store.write([moveTo(next, next.seq - done.length), ...inserts(done)], { durable: false })
    }
    for await (const { path, first, lines } of logLines(this.#paths, cursor)) {
      for (const line of lines) {
        const { seq, hash, record } = storedRecord(path, line)
        const actor = record['actor']
        const who = actor !== null && typeof actor === 'object' && 'id' in actor ? text(actor['id']) : null
        const at = Date.parse(String(record['ts'])) || 0
        last = { seq, first, at: line.offset, bytes: line.bytes.length, hash }
        rows.push([seq, first, line.offset, last.bytes, at, text(record['target']), who, text(record['status'])])
        if (rows.length >= BATCH) await flush()
      }
    }
    await flush()
  }
}

const START: Mirrored = Object.freeze({ seq: 0, first: 1, at: 0, bytes: 0, hash: '' })

function mirroredOf(row: Row | undefined): Mirrored {
  if (!row) return START
  const hash = String(row['hash'])
  return { ...lineOf(row), seq: Number(row['seq']), hash }
}

function lineOf(row: Row): { first: number; at: number; bytes: number } {
  return { first: Number(row['first']), at: Number(row['at_byte']), bytes: Number(row['bytes']) }
}

/** Holds for one process at a time: the position must still be the one that was gone on from. */
function moveTo({ seq, first, at, bytes, hash }: Mirrored, before: number): Statement {
  const sql = `update audit_mirror set seq = $1, first = $2, at_byte = $3, bytes = $4, hash = $5
    where id = 1 and seq = $6`
  return { sql, args: [seq, first, at, bytes, hash, before], expect: 1 }
}

function inserts(rows: readonly (readonly Value[])[]): readonly Statement[] {
  const statements: Statement[] = []
  for (let from = 0; from < rows.length; from += ROWS) {
    const some = rows.slice(from, from + ROWS)
    const values = some.map((_, i) => `(${some[0]?.map((__, j) => `$${i * COLUMNS + j + 1}`).join(', ')})`)
    const sql = `insert into audit_records (seq, first, at_byte, bytes, at, target, actor, status) values ${values.join(', ')}`
    statements.push({ sql, args: some.flat() })
  }
  return statements
}

function select({ tool, actor, outcome, since, until, before, limit }: AuditQuery): { sql: string; args: Value[] } {
  const args: Value[] = []
  const where: string[] = []
  const need = (condition: (parameter: string) => string, value: Value) => {
    args.push(value)
    where.push(condition(`$${args.length}`))
  }
  if (tool?.includes('@')) need((p) => `target = ${p}`, tool)
  else if (tool !== undefined) {
    // Every version of it: "@" is followed by "A" in both alphabets.
    need((p) => `target >= ${p}`, `${tool}@`)
    need((p) => `target < ${p}`, `${tool}A`)
  }
  if (actor !== undefined) need((p) => `actor = ${p}`, actor)
  if (outcome !== undefined) need((p) => `status = ${p}`, outcome)
  if (since !== undefined) need((p) => `at >= ${p}`, since)
  if (until !== undefined) need((p) => `at < ${p}`, until)
  if (before !== undefined) need((p) => `seq < ${p}`, before)
  args.push(limit)
  const filter = where.length === 0 ? '' : ` where ${where.join(' and ')}`
  return {
    sql: `select first, at_byte, bytes from audit_records${filter} order by seq desc limit $${args.length}`,
    args,
  }
}

/** A line by its place. A file that was closed meanwhile lies among the segments. */
async function readAt(
  paths: AuditPaths,
  { first, at, bytes }: { first: number; at: number; bytes: number },
): Promise<{ path: string; line: Line } | undefined> {
  if (bytes > MAX_LINE) return undefined
  for (const path of [segmentPath(paths, first), paths.log]) {
    const handle = await openForReading(path)
    if (!handle) continue
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(bytes), 0, bytes, at)
      if (bytesRead === bytes && buffer.at(-1) === 0x0a) return { path, line: { bytes: buffer, offset: at } }
    } finally {
      await handle.close()
    }
  }
  return undefined
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, 1_000) : null
}
