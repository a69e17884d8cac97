// Makes messages of events, each once for each webhook, and keeps them until they are delivered or given up.
import { isClonedError, type Logger } from 'cloned/kernel'
import type { Events } from '../events/slot.js'
import type { Statement, Store } from '../store/slot.js'
import { BOOKKEEPING } from './kinds.js'
import { restAfter, waitAfter } from './schedule.js'
import { messageOf, type StoredMessage, type StoredWebhook, webhookOf } from './tables.js'

/** The queue of the wake at which something is to be delivered, and its one key. */
export const QUEUE = 'cloned.webhooks'
export const KEY = 'deliver'

/** How an attempt ended. `receiver`: as a whole it does not take anything now. `gone`: it wants nothing any more. */
export type Attempt =
  | { readonly ok: true }
  | { readonly ok: false; readonly problem: string; readonly whose: 'message' | 'receiver' | 'gone' }

export interface QueueParts {
  readonly store: Store
  readonly events: Pick<Events, 'takeIn' | 'read' | 'range'>
  readonly now: () => number
  readonly log: Pick<Logger, 'warn'>
}

const PAGE = 200
/** A webhook with so many messages that wait gets no more of them; the rest stays in the feed. */
const MAX_PENDING = 1_000
const MAX_DEAD = 1_000
const MAX_PROBLEM = 300

export class Queue {
  readonly #parts: QueueParts

  constructor(parts: QueueParts) {
    this.#parts = parts
  }

  async webhooks(): Promise<readonly StoredWebhook[]> {
    return (await this.#parts.store.all('select * from webhooks order by name')).map(webhookOf)
  }

  async webhook(name: string): Promise<StoredWebhook | undefined> {
    const [row] = await this.#parts.store.all('select * from webhooks where name = $1', name)
    return row && webhookOf(row)
  }

  /** Makes messages of everything in the feed, durable when this resolves. */
  async fill(): Promise<void> {
    const webhooks = (await this.webhooks()).filter(({ state }) => state === 'on')
    if (webhooks.length === 0) return
    await this.#parts.events.takeIn()
    for (const webhook of webhooks) await this.#fillOne(webhook)
  }

  /** Webhooks that have something to deliver now. */
  async due(): Promise<readonly StoredWebhook[]> {
    const rows = await this.#parts.store.all(
      `select * from webhooks where state = 'on' and retry_at <= cast($1 as bigint) and exists (
         select 1 from webhook_messages m
         where m.webhook = name and m.state = 'pending' and m.next_at <= cast($1 as bigint)) order by name`,
      this.#parts.now(),
    )
    return rows.map(webhookOf)
  }

  /** When something is to be delivered next, if ever. */
  async nextAt(): Promise<number | undefined> {
    const [row] = await this.#parts.store.all(
      `select min(case when w.retry_at > m.next_at then w.retry_at else m.next_at end) as at
       from webhooks w join webhook_messages m on m.webhook = w.name where w.state = 'on' and m.state = 'pending'`,
    )
    return typeof row?.['at'] === 'number' ? row['at'] : undefined
  }

  /** What is to be delivered now, in the order of the feed. */
  async messages({ name }: StoredWebhook, limit: number): Promise<readonly StoredMessage[]> {
    const rows = await this.#parts.store.all(
      `select seq, type, body, attempts from webhook_messages
       where webhook = $1 and state = 'pending' and next_at <= cast($2 as bigint) order by seq limit cast($3 as bigint)`,
      name,
      this.#parts.now(),
      limit,
    )
    return rows.map(messageOf)
  }

  /** Writes down how an attempt ended. */
  async settle({ id, name, failures }: StoredWebhook, { seq, attempts }: StoredMessage, how: Attempt): Promise<void> {
    const { store, now } = this.#parts
    if (how.ok) {
      await store.write([
        { sql: 'delete from webhook_messages where webhook = $1 and seq = cast($2 as bigint)', args: [name, seq] },
        {
          sql: `update webhooks set failures = 0, retry_at = 0, delivered = delivered + 1, problem = null where id = $1`,
          args: [id],
        },
      ])
      return
    }
    const wait = waitAfter(attempts + 1)
    const problem = how.problem.slice(0, MAX_PROBLEM)
    const batch: Statement[] = [
      {
        sql: `update webhook_messages set attempts = attempts + 1, state = $3, next_at = cast($4 as bigint), problem = $5
              where webhook = $1 and seq = cast($2 as bigint)`,
        args: [name, seq, wait === undefined ? 'dead' : 'pending', now() + (wait ?? 0), problem],
      },
      this.#rest(id, how.whose === 'message' ? 0 : failures + 1, problem),
    ]
    if (wait === undefined) batch.push(tooManyDead(name))
    if (how.whose === 'gone') batch.push({ sql: "update webhooks set state = 'off' where id = $1", args: [id] })
    await store.write(batch)
  }

  /** Leaves a receiver alone for a while although nothing was sent: the policy does not let it. */
  async hold({ id, failures }: StoredWebhook, problem: string): Promise<void> {
    await this.#parts.store.write([this.#rest(id, failures + 1, problem.slice(0, MAX_PROBLEM))])
  }

  /** Has something delivered as soon as anybody can. */
  async wake(at?: number): Promise<void> {
    const wake = { queue: QUEUE, key: KEY, ...(at === undefined ? {} : { at }) }
    await this.#parts.store.write([], { durable: false, wakes: [wake] })
  }

  #rest(id: string, failures: number, problem: string): Statement {
    return {
      sql: 'update webhooks set failures = cast($2 as bigint), retry_at = cast($3 as bigint), problem = $4 where id = $1',
      args: [id, failures, failures === 0 ? 0 : this.#parts.now() + restAfter(failures), problem],
    }
  }

  async #fillOne(webhook: StoredWebhook): Promise<void> {
    const { store, events, now, log } = this.#parts
    const { name, id, types } = webhook
    const { first } = await events.range()
    if (first > webhook.cursor + 1) log.warn('events were not kept long enough for a webhook', { webhook: name, first })
    for (let cursor = webhook.cursor; ; ) {
      const [row] = await store.all(
        "select count(*) as n from webhook_messages where webhook = $1 and state = 'pending'",
        name,
      )
      if (Number(row?.['n']) >= MAX_PENDING) return
      const { events: found, next } = await events.read({ after: cursor, limit: PAGE, types })
      if (next === cursor) return
      const told = found.filter(({ type }) => !BOOKKEEPING.some((beginning) => type.startsWith(beginning)))
      const moved = {
        sql: `update webhooks set cursor = cast($1 as bigint) where id = $2 and cursor = cast($3 as bigint)`,
        args: [next, id, cursor],
        expect: 1,
      }
      const inserts = told.map(({ seq, type, text }) => ({
        sql: `insert into webhook_messages (webhook, seq, type, body, state, attempts, next_at)
              values ($1, cast($2 as bigint), $3, $4, 'pending', 0, cast($5 as bigint))`,
        args: [name, seq, type, text, now()],
      }))
      try {
        const wakes = told.length > 0 ? { wakes: [{ queue: QUEUE, key: KEY }] } : {}
        await store.write([moved, ...inserts], wakes)
      } catch (error) {
        if (!isClonedError(error) || error.code !== 'STORE_CONFLICT') throw error
        // Another process has made these, or the webhook is gone.
        const now = await this.webhook(name)
        if (now?.id !== id) return
        cursor = now.cursor
        continue
      }
      cursor = next
      if (found.length < PAGE) return
    }
  }
}

function tooManyDead(name: string): Statement {
  return {
    sql: `delete from webhook_messages where webhook = $1 and state = 'dead' and seq < coalesce((
            select seq from webhook_messages where webhook = $1 and state = 'dead'
            order by seq desc limit 1 offset ${MAX_DEAD - 1}), 0)`,
    args: [name],
  }
}
