// Keeps the feed in one table: a statement takes its number when its batch is written; it must never tell what a record quotes.
import { setTimeout as pause } from 'node:timers/promises'
import {
  type AuditLog,
  ClonedError,
  type Contribution,
  describeThrown,
  isClonedError,
  type Json,
  type JsonObject,
  type Scrubber,
  type StoredRecord,
  snapshot,
} from 'cloned/kernel'
import type { Events, EventType, FeedEvent } from 'cloned/plugins/events'
import type { Row, Statement, Store, Value } from 'cloned/plugins/store'

export const MIGRATIONS = [
  [
    'create table acme_feed (seq bigint primary key, type text not null, subject text, at bigint not null, data text not null)',
    'create table acme_feed_log (id integer primary key, seq bigint not null, hash text not null)',
    "insert into acme_feed_log (id, seq, hash) values (1, 0, '')",
  ],
]

const BATCH = 200
const POLL_MS = 50
/** Names and numbers of an action. What people or agents wrote is not among them. */
const FACTS = [
  'call_id',
  'kind',
  'target',
  'status',
  'code',
  'effect',
  'approval',
  'verdict',
  'run',
  'pipeline',
  'step',
]

export interface FeedParts {
  readonly store: Store
  readonly audit: Pick<AuditLog, 'scan'>
  readonly scrubber: Scrubber | undefined
  readonly types: () => readonly Contribution<EventType>[]
  readonly source: () => string
  readonly keep: number
  readonly now: () => number
}

export type Feed = Events & {
  /** Before anything else: numbers are higher than those of a feed that this workspace had before. */
  begin(): Promise<void>
}

export function createFeed({ store, audit, scrubber, types, source, keep, now }: FeedParts): Feed {
  const put = (type: string, subject: string | null, at: number, data: string): Statement => ({
    sql: `insert into acme_feed (seq, type, subject, at, data)
      select max(seq) + 1, $1, $2, cast($3 as bigint), $4 from acme_feed`,
    args: [type, subject, at, data],
  })

  const statement: Events['statement'] = ({ type, subject = null, data }) => {
    const refused = (problem: string) => new ClonedError('EVENT_REFUSED', { type: String(type).slice(0, 128), problem })
    if (!types().some(({ plugin, item }) => item.type === type && mayDeclare(plugin, type)))
      throw refused('no plugin declares this type')
    if (subject !== null && subject.length > 256) throw refused('its subject is longer than 256 characters')
    try {
      const plain = snapshot(data, { depth: 16, bytes: 16 * 1024 })
      return put(type, subject, now(), JSON.stringify(scrubber?.json(plain, 'events') ?? plain))
    } catch (error) {
      throw refused(describeThrown(error))
    }
  }

  /** Takes in one batch of records; answers whether there may be more. */
  async function take(): Promise<boolean> {
    const [head] = await store.all('select seq, hash from acme_feed_log where id = 1')
    const known = { seq: Number(head?.['seq']), hash: String(head?.['hash']) }
    const records: StoredRecord[] = []
    for await (const stored of audit.scan(Math.max(1, known.seq))) {
      if (stored.seq !== known.seq || stored.hash !== known.hash) records.push(stored)
      if (records.length === BATCH) break
    }
    const end = records.at(-1)
    if (!end) return false
    await store.write([
      {
        sql: 'update acme_feed_log set seq = cast($1 as bigint), hash = $2 where hash = $3',
        args: [end.seq, end.hash, known.hash],
        expect: 1,
      },
      ...records.map(told),
      { sql: 'delete from acme_feed where seq <= (select max(seq) from acme_feed) - cast($1 as bigint)', args: [keep] },
    ])
    return records.length === BATCH
  }

  function told({ seq, hash, record }: StoredRecord): Statement {
    const facts: Record<string, Json> = {}
    for (const name of FACTS) if (typeof record[name] === 'string') facts[name] = record[name]
    const type = String(record['type'])
    const subject = facts['approval'] ?? facts['run'] ?? facts['call_id'] ?? null
    const data = { ...facts, seq, type, hash }
    return put(type, subject as string | null, Date.parse(String(record['ts'])) || 0, JSON.stringify(data))
  }

  const read: Events['read'] = async ({ after, limit, types = [], subject }) => {
    const { last } = await range()
    const args: Value[] = [after, limit]
    const name = (value: Value) => `$${args.push(value)}`
    const starts = types.map((type) => `substr(type, 1, ${type.length}) = ${name(type)}`)
    const where = [
      'seq > cast($1 as bigint)',
      ...(starts.length > 0 ? [`(${starts.join(' or ')})`] : []),
      ...(subject === undefined ? [] : [`subject = ${name(subject)}`]),
    ]
    const sql = `select * from acme_feed where ${where.join(' and ')} order by seq limit cast($2 as bigint)`
    const events = (await store.all(sql, ...args)).map(eventOf)
    const next = events.length === limit ? (events.at(-1)?.seq ?? last) : last
    return { events, next: Math.max(after, next) }
  }

  function eventOf({ seq, type, subject, at, data }: Row): FeedEvent {
    const about = typeof subject === 'string' ? { subject } : {}
    const envelope = {
      specversion: '1.0',
      id: String(seq),
      source: source(),
      type: String(type),
      ...about,
      time: new Date(Number(at)).toISOString(),
      datacontenttype: 'application/json',
      data: JSON.parse(String(data)) as JsonObject,
    }
    return { seq: Number(seq), type: String(type), ...about, text: JSON.stringify(envelope) }
  }

  async function range(): Promise<{ first: number; last: number }> {
    const [row] = await store.all('select min(seq) as first, max(seq) as last from acme_feed')
    return { first: Number(row?.['first']), last: Number(row?.['last']) }
  }

  async function takeIn(): Promise<void> {
    for (let more = true; more; ) {
      more = await take().catch((error: unknown) => {
        // Another process took the same: on from where it got to.
        if (isClonedError(error) && error.code === 'STORE_CONFLICT') return true
        throw error
      })
    }
  }

  return {
    statement,
    takeIn,
    range,
    read,
    async *follow({ after, ...filter }, signal) {
      for (let at = after; !signal.aborted; ) {
        await takeIn()
        const page = await read({ ...filter, after: at, limit: BATCH })
        at = page.next
        if (page.events.length > 0) yield page
        else await pause(POLL_MS, undefined, { signal }).catch(() => undefined)
      }
    },
    async begin() {
      await store.write([
        {
          sql: `insert into acme_feed (seq, type, at, data) select cast($1 as bigint), 'feed.begun', cast($1 as bigint), '{}'
            where not exists (select 1 from acme_feed)`,
          args: [now()],
        },
      ])
    },
  }
}

/** A plugin declares types under its own id; those of the built-ins choose freely. */
function mayDeclare(plugin: string, type: string): boolean {
  return plugin.startsWith('cloned.') || type.startsWith(`${plugin}.`)
}
