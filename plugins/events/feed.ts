// Reads the feed: pages by number, and what comes next as it comes; it keeps nothing in memory between pages.
import { setTimeout as pause } from 'node:timers/promises'
import type { Row, Store, Value } from '../store/slot.js'
import type { Intake } from './intake.js'
import type { EventFilter, EventPage, EventQuery, Events, FeedEvent } from './slot.js'

/** What was said anywhere is in a reader's hands about so soon, milliseconds. */
export const POLL_MS = 50
const PAGE = 200

export function createFeed(store: Pick<Store, 'all'>, intake: Pick<Intake, 'take'>): Omit<Events, 'statement'> {
  const range: Events['range'] = async () => {
    const [row] = await store.all('select last, (select min(seq) from events) as first from events_head where id = 1')
    const last = Number(row?.['last'] ?? 0)
    return { first: Number(row?.['first'] ?? last + 1), last }
  }
  const read: Events['read'] = async (query) => {
    const { last } = await range()
    const { sql, args } = select(query)
    const events = (await store.all(sql, ...args)).map(eventOf)
    const full = events.length === query.limit
    // What was taken in after `last` was read is left for the next page.
    return { events, next: Math.max(query.after, full ? (events.at(-1)?.seq ?? 0) : last) }
  }
  return {
    takeIn: () => intake.take(),
    range,
    read,
    async *follow({ after, ...filter }, signal) {
      for (let at = after; !signal.aborted; ) {
        await intake.take()
        const page: EventPage = await read({ ...filter, after: at, limit: PAGE })
        at = page.next
        if (page.events.length > 0) yield page
        else await pause(POLL_MS, undefined, { signal }).catch(() => undefined)
      }
    },
  }
}

function select({ types = [], subject, after, limit }: EventQuery): { sql: string; args: Value[] } {
  const args: Value[] = [after, limit]
  const matching = types.map((type) => {
    args.push(type)
    return `substr(type, 1, length($${args.length})) = $${args.length}`
  })
  if (subject !== undefined) args.push(subject)
  const where = [
    'seq > cast($1 as bigint)',
    ...(matching.length === 0 ? [] : [`(${matching.join(' or ')})`]),
    ...(subject === undefined ? [] : [`subject = $${args.length}`]),
  ]
  const sql = `select seq, type, subject, event from events where ${where.join(' and ')}
    order by seq limit cast($2 as bigint)`
  return { sql, args }
}

function eventOf({ seq, type, subject, event }: Row): FeedEvent {
  const about = typeof subject === 'string' ? { subject } : {}
  return { seq: Number(seq), type: String(type), ...about, text: String(event) }
}

/** Whether an event is asked for. */
export function wanted({ types = [] }: Pick<EventFilter, 'types'>, { type }: Pick<FeedEvent, 'type'>): boolean {
  return types.length === 0 || types.some((beginning) => type.startsWith(beginning))
}
