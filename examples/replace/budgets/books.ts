// Keeps what every call takes as rows of their own; what is used is their sum, so nothing can be counted twice or lost.
import { isClonedError, type Json, type TakeRef } from 'cloned/kernel'
import { type Ledger, limitOf } from 'cloned/plugins/budgets'
import type { Statement, Store } from 'cloned/plugins/store'

/** One amount, in millionths, of one counter and window. */
interface Row {
  readonly counter: string
  readonly win: number
  readonly amount: number
}

export const STEPS = [
  [
    'create table acme_spenders (call text primary key, instance text not null, state text not null)',
    `create table acme_spent (call text not null, counter text not null, win bigint not null, amount bigint not null,
       primary key (call, counter, win))`,
    'create index acme_spent_counter on acme_spent (counter, win)',
    'create table acme_settled (instance text primary key, seq bigint not null)',
  ],
]

// The intent in the audit log carries the token, and recovery rebuilds the take from it.
const RELAXED = { durable: false }
const USED = 'select sum(amount) as used from acme_spent where counter = $1 and win = $2'
const SUM = 'coalesce((select sum(amount) from acme_spent where counter = $2 and win = $3), 0)'

export function openBooks(store: Pick<Store, 'all' | 'write'>): Ledger {
  const enter = ({ callId, instance }: TakeRef): Statement => ({
    sql: "insert into acme_spenders (call, instance, state) values ($1, $2, 'open') on conflict (call) do nothing",
    args: [callId, instance],
    expect: 1,
  })
  const spend = (call: string, { counter, win, amount }: Row, limit: number): Statement => ({
    sql: `insert into acme_spent (call, counter, win, amount) select $1, $2, cast($3 as bigint), cast($4 as bigint)
          where ${SUM} + cast($4 as bigint) <= cast($5 as bigint)`,
    args: [call, counter, win, amount, limit],
    expect: 1,
  })
  const wrote = async (batch: readonly Statement[]): Promise<Awaited<ReturnType<Store['write']>> | undefined> => {
    try {
      return await store.write(batch, RELAXED)
    } catch (error) {
      if (isClonedError(error) && error.code === 'STORE_CONFLICT') return undefined
      throw error
    }
  }
  const rowsOf = async (call: string): Promise<readonly Row[]> =>
    (await store.all('select counter, win, amount from acme_spent where call = $1', call)).map((row) => ({
      counter: String(row['counter']),
      win: Number(row['win']),
      amount: Number(row['amount']),
    }))
  return {
    async take(ref, draws) {
      const rows = draws.map(({ counter, window: win, amount }) => ({ counter, win, amount }))
      const spending = draws.map(({ cap, counter, window: win, amount }) =>
        spend(ref.callId, { counter, win, amount }, limitOf(cap)),
      )
      const sums = rows.map(({ counter, win }) => ({ sql: USED, args: [counter, win] }))
      const written = await wrote([enter(ref), ...spending, ...sums])
      return written && { token: rows, used: written.slice(-sums.length).map(([row]) => Number(row?.['used'])) }
    },
    async taken(call) {
      const [row] = await store.all('select state from acme_spenders where call = $1', call)
      return row && { token: (await rowsOf(call)) as unknown as Json, open: row['state'] === 'open' }
    },
    async used(counter, win) {
      return Number((await store.all(USED, counter, win))[0]?.['used'] ?? 0)
    },
    async counters(prefix, win) {
      const sql = `select counter, sum(amount) as used from acme_spent
        where substr(counter, 1, length($1)) = $1 and win = $2 group by counter order by used desc, counter limit 100`
      const rows = await store.all(sql, prefix, win)
      return rows.map((row) => ({ counter: String(row['counter']), used: Number(row['used']) }))
    },
    async settle(callId, how, seq) {
      const advance = `insert into acme_settled (instance, seq)
        select instance, cast($2 as bigint) from acme_spenders where call = $1 and state = 'open'
        on conflict (instance) do update set seq = excluded.seq where excluded.seq > acme_settled.seq`
      const batch: Statement[] = seq === undefined ? [] : [{ sql: advance, args: [callId, seq] }]
      // A take that is still under way must find the call ended, not take after all.
      const late =
        "insert into acme_spenders (call, instance, state) values ($1, '', 'over') on conflict (call) do nothing"
      if (how === 'release') batch.push(giveBack(callId), { sql: late, args: [callId] })
      const over = "update acme_spenders set state = 'over' where call = $1 and state = 'open'"
      await store.write([...batch, { sql: over, args: [callId] }], RELAXED)
    },
    async unsettled(instance) {
      const sql = "select call from acme_spenders where instance = $1 and state = 'open' order by call"
      return (await store.all(sql, instance)).map((row) => String(row['call']))
    },
    async settledUpTo(instance) {
      const [row] = await store.all('select seq from acme_settled where instance = $1', instance)
      return Number(row?.['seq'] ?? 0)
    },
    async restore(ref, token) {
      if (token === null) return
      // Limits are not asked: the call was let through in time, and what it used must be counted.
      const rows = (token as unknown as readonly Row[]).map((row) => spend(ref.callId, row, Number.MAX_SAFE_INTEGER))
      await wrote([enter(ref), ...rows])
    },
  }
}

function giveBack(call: string): Statement {
  return {
    sql: `delete from acme_spent where call = $1
          and exists (select 1 from acme_spenders where call = $1 and state = 'open')`,
    args: [call],
  }
}
