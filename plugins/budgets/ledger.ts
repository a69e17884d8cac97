// Counts what calls take, in single batches for all processes; must never let a window pass its limit by a take.
import { isClonedError, type Json, type TakeRef, type Taker } from 'cloned/kernel'
import type { Row, Statement, Store } from '../store/slot.js'
import { type Draw, limitOf } from './caps.js'
import { Commits } from './commits.js'
import { readToken, type TokenDraw, tokenOf } from './token.js'

// Not synced on its own: the intent in the audit log carries the token, and recovery rebuilds the take from it.
const RELAXED = { durable: false } as const
const KEEP_SETTLED_MS = 7 * 24 * 3_600_000
const SWEEP_EVERY_MS = 3_600_000

/** The books of all budgets of a workspace. Whoever keeps them counts exactly, for all processes. */
export interface Ledger extends Taker {
  /**
   * Takes all of it or nothing; answers the token, and what each draw has left used of its counter, in millionths.
   * `undefined` when the call already has a take, or when some window is too full.
   */
  take(ref: TakeRef, draws: readonly Draw[]): Promise<{ token: Json; used: readonly number[] } | undefined>
  /** The take of a call and whether it is settled. */
  taken(callId: string): Promise<{ readonly token: Json; readonly open: boolean } | undefined>
  /** Millionths used of one window. */
  used(counter: string, window: number): Promise<number>
  /** The 100 counters that used most of one window, of those whose names begin with this. */
  counters(prefix: string, window: number): Promise<readonly { readonly counter: string; readonly used: number }[]>
}

interface LedgerDeps {
  readonly store: Pick<Store, 'all' | 'write'>
  readonly now: () => number
  /** How long the settlement of a paid call may wait for others, to be written with them. Milliseconds. */
  readonly gatherMs: number
}

/** Opens the books. `hurry`: settlements wait for no others from here on. */
export function createLedger({ store, now, gatherMs }: LedgerDeps): Ledger & { hurry(): void } {
  let sweptAt = Number.NEGATIVE_INFINITY
  const commits = new Commits(async (batch) => store.write(batch, RELAXED), gatherMs)
  /** Calls that took here and are not settled. Recovery settles those of others, one after the other. */
  const own = new Set<string>()

  const taken: Ledger['taken'] = async (callId) => {
    const [row] = await store.all('select state, draws from budget_takes where call_id = $1', callId)
    return row && { token: JSON.parse(String(row['draws'])) as Json, open: row['state'] === 'taken' }
  }

  /** Writes a batch; `undefined` when one of its expectations did not hold and nothing was written. */
  const wrote = async (batch: readonly Statement[]): Promise<readonly (readonly Row[])[] | undefined> => {
    try {
      return await store.write(batch, RELAXED)
    } catch (error) {
      if (isClonedError(error) && error.code === 'STORE_CONFLICT') return undefined
      throw error
    }
  }

  // A call goes from nothing to taken to settled and never back, so this ends after two rounds that came too late.
  const release = async (callId: string, batch: readonly Statement[], at: number): Promise<void> => {
    for (;;) {
      const take = await taken(callId)
      if (take && !take.open) return
      const ending = take
        ? [{ ...close(callId, 'released', at), expect: 1 }, ...readToken(take.token).map(giveBack)]
        : [refuseFromNowOn(callId, at)]
      if (await wrote([...batch, ...ending])) return
    }
  }

  return {
    taken,
    hurry: () => commits.hurry(),

    async take(ref, draws) {
      const token = tokenOf(draws)
      const batch = [open(ref, token), ...draws.map(({ cap, counter, ...draw }) => add(counter, draw, limitOf(cap)))]
      const written = await wrote(batch)
      if (written) own.add(ref.callId)
      return written && { token, used: draws.map((_, i) => Number(written[i + 1]?.[0]?.['used'])) }
    },

    async used(counter, window) {
      const [row] = await store.all('select used from budget_used where cap = $1 and win = $2', counter, window)
      return row ? Number(row['used']) : 0
    },

    async counters(prefix, window) {
      const sql = `select cap, used from budget_used where cap >= $1 and cap < $2 and win = $3 and used > 0
        order by used desc, cap limit 100`
      // Compared byte by byte, so that this is the first text after all that begin so.
      const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
      const rows = await store.all(sql, prefix, end, window)
      return rows.map((row) => ({ counter: String(row['cap']), used: Number(row['used']) }))
    },

    async settle(callId, how, seq) {
      const at = now()
      const isOwn = own.delete(callId)
      const batch: Statement[] = seq === undefined ? [] : [advance(callId, seq)]
      if (at - sweptAt >= SWEEP_EVERY_MS) {
        sweptAt = at
        batch.push(sweep(at))
      }
      if (how === 'commit') await commits.add([...batch, close(callId, 'committed', at)], isOwn)
      else await release(callId, batch, at)
    },

    async unsettled(instance) {
      const rows = await store.all(
        "select call_id from budget_takes where instance = $1 and state = 'taken' order by call_id",
        instance,
      )
      return rows.map((row) => String(row['call_id']))
    },

    async settledUpTo(instance) {
      const [row] = await store.all('select seq from budget_settled where instance = $1', instance)
      return row ? Number(row['seq']) : 0
    },

    async restore(ref, token) {
      if (token === null) return
      const draws = readToken(token)
      // Limits are not asked: the call was granted in time, and what it used must be counted.
      const again = draws.map(({ cap, window, millionths }) => add(cap, { window, amount: millionths }))
      await wrote([open(ref, token), ...again])
    },
  }
}

function open({ callId, instance }: TakeRef, token: Json): Statement {
  return {
    sql: `insert into budget_takes (call_id, instance, state, draws) values ($1, $2, 'taken', $3)
          on conflict (call_id) do nothing`,
    args: [callId, instance, JSON.stringify(token)],
    expect: 1,
  }
}

function add(cap: string, { window, amount }: Pick<Draw, 'window' | 'amount'>, limit?: number): Statement {
  return {
    sql: `insert into budget_used (cap, win, used)
          select $1, cast($2 as bigint), cast($3 as bigint) where cast($3 as bigint) <= cast($4 as bigint)
          on conflict (cap, win) do update set used = budget_used.used + excluded.used
          where budget_used.used + excluded.used <= cast($4 as bigint)
          returning used`,
    args: [cap, window, amount, limit ?? Number.MAX_SAFE_INTEGER],
    expect: 1,
  }
}

function giveBack({ cap, window, millionths }: TokenDraw): Statement {
  return {
    sql: `update budget_used
          set used = case when used > cast($3 as bigint) then used - cast($3 as bigint) else 0 end
          where cap = $1 and win = cast($2 as bigint)`,
    args: [cap, window, millionths],
  }
}

function close(callId: string, state: 'committed' | 'released', at: number): Statement {
  return {
    sql: `update budget_takes set state = $2, settled_at = cast($3 as bigint)
          where call_id = $1 and state = 'taken'`,
    args: [callId, state, at],
  }
}

// A take whose answer was given up on may still be under way: it must find the call settled, not take after all.
function refuseFromNowOn(callId: string, at: number): Statement {
  return {
    sql: `insert into budget_takes (call_id, instance, state, draws, settled_at)
          values ($1, '', 'released', '[]', cast($2 as bigint)) on conflict (call_id) do nothing`,
    args: [callId, at],
    expect: 1,
  }
}

// In the batch of the settlement itself: a watermark that ran ahead would hide a take from recovery.
function advance(callId: string, seq: number): Statement {
  return {
    sql: `insert into budget_settled (instance, seq)
          select instance, cast($2 as bigint) from budget_takes where call_id = $1 and state = 'taken'
          on conflict (instance) do update set seq = excluded.seq where excluded.seq > budget_settled.seq`,
    args: [callId, seq],
  }
}

// Only settled takes, which recovery asks for no more: the watermark of their instance is past them.
function sweep(at: number): Statement {
  return {
    sql: "delete from budget_takes where state <> 'taken' and settled_at < cast($1 as bigint)",
    args: [at - KEEP_SETTLED_MS],
  }
}
