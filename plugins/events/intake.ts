// Takes the audit log and what plugins said into the feed, each once and in one order for all processes; invents nothing.
import { statSync } from 'node:fs'
import { type AuditLog, isClonedError, type StoredRecord } from 'cloned/kernel'
import type { Row, Statement, Store, Value } from '../store/slot.js'
import { type Draft, draftOfRecord, envelope } from './envelope.js'
import { dataOf } from './said.js'

export interface IntakeParts {
  readonly store: Store
  readonly audit: Pick<AuditLog, 'scan' | 'latest'>
  readonly now: () => number
  /** `source` of the envelopes. */
  readonly source: () => string
  /** A file that changes with the audit log, as a hint; the log is read every second without one. */
  readonly hint: () => string
  readonly keep: { readonly events: number; readonly ms: number }
}

/** The end of the feed. */
interface Head {
  readonly last: number
  readonly auditSeq: number
  readonly auditHash: string
}

const BATCH = 500
/** Rows of one statement. */
const ROWS = 50
const HINT_MS = 1_000
/** A feed that begins in an old workspace does not begin at its beginning. */
const LOOK_BACK = 10_000

export class Intake {
  readonly #parts: IntakeParts
  #taking: Promise<void> = Promise.resolve()
  #seen: { readonly stamp: string; readonly at: number } | undefined
  #unpruned = Number.POSITIVE_INFINITY

  constructor(parts: IntakeParts) {
    this.#parts = parts
  }

  /** Resolves when everything is in that was durable when it was called. */
  take(): Promise<void> {
    const taken = this.#taking.then(() => this.#take())
    // Whoever asked hears of a failure; the next one tries again.
    this.#taking = taken.catch(() => undefined)
    return taken
  }

  async #take(): Promise<void> {
    for (;;) {
      try {
        if (!(await this.#batch())) return
      } catch (error) {
        // Another process took the same: go on where it got to.
        if (!isClonedError(error) || error.code !== 'STORE_CONFLICT') throw error
      }
    }
  }

  /** Takes in one batch. Answers whether there may be more. */
  async #batch(): Promise<boolean> {
    const { store } = this.#parts
    const head = await this.#head()
    const { records, complete } = await this.#records(head)
    const said = complete ? await store.all(`select * from events_said order by key limit ${BATCH}`) : []
    if (records.length === 0 && said.length === 0) return false
    const drafts = merged(records.map(draftOfRecord), said.map(draftOfRow))
    const end = records.at(-1)
    const next = {
      ...head,
      ...(end ? { auditSeq: end.seq, auditHash: end.hash } : {}),
      last: head.last + drafts.length,
    }
    const keys = said.map((row) => row['key'] ?? null)
    await store.write([
      move(head, next),
      ...this.#inserts(head.last, drafts),
      ...(keys.length === 0
        ? []
        : [
            { sql: `delete from events_said where key in (${keys.map((_, i) => `$${i + 1}`).join(', ')})`, args: keys },
          ]),
      ...this.#prune(next.last, drafts.length),
    ])
    return !complete || said.length === BATCH
  }

  /** What of the log is not in the feed yet, at most a batch. */
  async #records({ auditSeq, auditHash }: Head): Promise<{ records: StoredRecord[]; complete: boolean }> {
    const { audit, now, hint } = this.#parts
    const stamp = stampOf(hint())
    const at = now()
    const { stamp: known, at: knownAt } = this.#seen ?? {}
    if (stamp !== undefined && stamp === known && Math.abs(at - (knownAt ?? 0)) < HINT_MS)
      return { records: [], complete: true }
    const records: StoredRecord[] = []
    let from = Math.max(1, auditSeq)
    for (let found = 0; found === 0; from = 1) {
      for await (const stored of audit.scan(from)) {
        found++
        // The record that was taken in last comes first: if it is another now, so is the log.
        if (stored.seq === auditSeq && stored.hash === auditHash) continue
        records.push(stored)
        if (records.length === BATCH) return { records, complete: false }
      }
      // A log without that record is another one, and is taken in from its beginning.
      if (from === 1) break
    }
    if (stamp !== undefined) this.#seen = { stamp, at }
    return { records, complete: true }
  }

  async #head(): Promise<Head> {
    const { store, audit, now } = this.#parts
    const [row] = await store.all('select last, audit_seq, audit_hash from events_head where id = 1')
    if (row) return headOf(row)
    const recent = await audit.latest('tool.outcome')
    // It begins at the time of its making: ids stay higher than those of a feed that was lost with its store.
    await store.write([
      {
        sql: `insert into events_head (id, last, audit_seq, audit_hash)
              values (1, cast($1 as bigint), cast($2 as bigint), '') on conflict (id) do nothing`,
        args: [now(), Math.max(0, (recent?.seq ?? 0) - LOOK_BACK)],
      },
    ])
    return this.#head()
  }

  #inserts(last: number, drafts: readonly Draft[]): Statement[] {
    const { now, source } = this.#parts
    const [at, from] = [now(), source()]
    const statements: Statement[] = []
    for (let start = 0; start < drafts.length; start += ROWS) {
      const args: Value[] = drafts.slice(start, start + ROWS).flatMap((draft, i) => {
        const seq = last + start + i + 1
        return [seq, at, draft.type, draft.subject ?? null, envelope(draft, String(seq), from)]
      })
      const rows = Array.from({ length: args.length / 5 }, (_, i) => {
        const [a, b, c, d, e] = [1, 2, 3, 4, 5].map((n) => `$${i * 5 + n}`)
        return `(cast(${a} as bigint), cast(${b} as bigint), ${c}, ${d}, ${e})`
      })
      statements.push({ sql: `insert into events (seq, at, type, subject, event) values ${rows.join(', ')}`, args })
    }
    return statements
  }

  /** Now and then: what is too many or too old goes. */
  #prune(last: number, added: number): Statement[] {
    const { keep, now } = this.#parts
    this.#unpruned += added
    if (this.#unpruned < Math.min(1_000, keep.events / 10)) return []
    this.#unpruned = 0
    return [
      { sql: 'delete from events where seq <= cast($1 as bigint)', args: [last - keep.events] },
      {
        sql: `delete from events where seq < coalesce(
                (select seq from events where at >= cast($1 as bigint) order by seq limit 1), cast($2 as bigint))`,
        args: [now() - keep.ms, last + 1],
      },
    ]
  }
}

/** By time, each list in its own order. At the same time the record is first: whoever tells of a change has recorded it. */
function merged(records: readonly Draft[], said: readonly Draft[]): readonly Draft[] {
  const drafts: Draft[] = []
  let next = 0
  for (const record of records) {
    for (let draft = said[next]; draft && draft.at < record.at; draft = said[++next]) drafts.push(draft)
    drafts.push(record)
  }
  return [...drafts, ...said.slice(next)]
}

function draftOfRow(row: Row): Draft {
  const { type, subject, at, data } = row
  return {
    type: String(type),
    subject: typeof subject === 'string' ? subject : undefined,
    at: Number(at),
    data: dataOf(data),
  }
}

function headOf(row: Row): Head {
  return { last: Number(row['last']), auditSeq: Number(row['audit_seq']), auditHash: String(row['audit_hash']) }
}

/** Holds for one process at a time. */
function move(from: Head, to: Head): Statement {
  return {
    sql: `update events_head set last = cast($1 as bigint), audit_seq = cast($2 as bigint), audit_hash = $3
          where id = 1 and last = cast($4 as bigint) and audit_seq = cast($5 as bigint)`,
    args: [to.last, to.auditSeq, to.auditHash, from.last, from.auditSeq],
    expect: 1,
  }
}

function stampOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat && `${stat.ino} ${stat.size} ${stat.mtimeMs}`
}
