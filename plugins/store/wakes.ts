// Keeps wakes in their table and hands each to one holder; never forgets one before its holder is done with it.
import type { Members } from 'cloned/kernel'
import type { Statement, Store, Wake } from './slot.js'

/** Steps of the wakes table. */
export const WAKES_STEPS: readonly (readonly string[])[] = [
  [
    `create table store_wakes (
      queue text not null, key text not null, due integer not null,
      seq integer not null, failures integer not null, holder text,
      primary key (queue, key)
    ) strict, without rowid`,
    'create index store_wakes_due on store_wakes (due) where holder is null',
    'create index store_wakes_holder on store_wakes (holder) where holder is not null',
  ],
]

/** A claimed wake. */
export interface Claim {
  readonly queue: string
  readonly key: string
  /** Raised by every write of the wake: tells whether it was written again meanwhile. */
  readonly seq: number
  readonly failures: number
}

/** The statement that writes a wake. */
export function putWake({ queue, key, at }: Wake, now: number): Statement {
  return {
    sql: `insert into store_wakes (queue, key, due, seq, failures) values ($1, $2, $3, 1, 0)
      on conflict (queue, key) do update set due = excluded.due, seq = store_wakes.seq + 1, failures = 0`,
    args: [queue, key, Math.floor(at ?? now)],
  }
}

/** Claims in the table. They are relaxed writes: a power cut that undoes a claim has ended its holder too. */
export class Wakes {
  readonly #store: Pick<Store, 'all' | 'write'>
  readonly #now: () => number
  readonly #members: Members

  constructor(store: Pick<Store, 'all' | 'write'>, now: () => number, members: Members) {
    this.#store = store
    this.#now = now
    this.#members = members
  }

  /** Claims a due wake for `me`; `undefined` when it is not due, gone, or held by somebody who lives. */
  async claim(queue: string, key: string, me: string): Promise<Claim | undefined> {
    const take = `update store_wakes set holder = $1
      where queue = $2 and key = $3 and due <= $4 and holder is null returning seq, failures`
    for (;;) {
      const [row] = await this.#write(take, me, queue, key, this.#now())
      if (row) return { queue, key, seq: Number(row['seq']), failures: Number(row['failures']) }
      const [held] = await this.#store.all(
        'select holder from store_wakes where queue = $1 and key = $2 and holder is not null',
        queue,
        key,
      )
      const holder = held?.['holder']
      if (typeof holder !== 'string' || holder === me || this.#members.alive(holder)) return undefined
      await this.free(holder)
    }
  }

  /** Ends a claim whose work is done. Answers when the wake is due again if it was written meanwhile. */
  async done({ queue, key, seq }: Claim, me: string): Promise<number | undefined> {
    const [, rows] = await this.#store.write(
      [
        {
          sql: 'delete from store_wakes where queue = $1 and key = $2 and holder = $3 and seq = $4',
          args: [queue, key, me, seq],
        },
        {
          sql: `update store_wakes set holder = null where queue = $1 and key = $2 and holder = $3 returning due`,
          args: [queue, key, me],
        },
      ],
      { durable: false },
    )
    return rows?.[0] && Number(rows[0]['due'])
  }

  /** Ends a claim whose work failed: due again at `retryAt`, or when it was written meanwhile, as that says. */
  async failed({ queue, key, seq }: Claim, me: string, retryAt: number): Promise<number | undefined> {
    const [row] = await this.#write(
      `update store_wakes set holder = null, failures = failures + 1, due = case when seq = $1 then $2 else due end
        where queue = $3 and key = $4 and holder = $5 returning due`,
      seq,
      retryAt,
      queue,
      key,
      me,
    )
    return row && Number(row['due'])
  }

  /** Frees everything that a holder has claimed. */
  async free(holder: string): Promise<void> {
    await this.#write('update store_wakes set holder = null where holder = $1', holder)
  }

  /** Frees what dead holders have claimed, and forgets them. */
  async freeDead(): Promise<void> {
    const held = await this.#store.all('select distinct holder from store_wakes where holder is not null')
    for (const { holder } of held) {
      if (typeof holder === 'string' && !this.#members.alive(holder)) await this.free(holder)
    }
    for (const dead of this.#members.dead()) dead.forget()
  }

  /** Due wakes of these queues that nobody holds, oldest first. */
  async due(queues: readonly string[], limit: number): Promise<readonly { queue: string; key: string }[]> {
    if (queues.length === 0) return []
    const rows = await this.#store.all(
      `select queue, key from store_wakes where due <= $1 and holder is null
        and queue in (${queues.map((_, i) => `$${i + 3}`).join(', ')}) order by due, queue, key limit $2`,
      this.#now(),
      limit,
      ...queues,
    )
    return rows.map(({ queue, key }) => ({ queue: String(queue), key: String(key) }))
  }

  async #write(sql: string, ...args: NonNullable<Statement['args']>) {
    const [rows = []] = await this.#store.write([{ sql, args }], { durable: false })
    return rows
  }
}
