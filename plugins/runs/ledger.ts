// Stores runs and moves them from state to state; a hand that has lost its run must never write to it.
import { setTimeout as soon } from 'node:timers/promises'
import { isClonedError } from 'cloned/kernel'
import type { Events, NewEvent } from '../events/slot.js'
import type { Statement, Store, Wake } from '../store/slot.js'
import type { RunError, RunState } from './slot.js'
import { putNode, putRun } from './statements.js'
import { type Node, runOf, type StoredRun, text } from './tables.js'
import { toldOfRun, toldOfStep } from './told.js'

/** The queue whose wakes advance runs; the key is the run's id. */
export const QUEUE = 'runs'

/** A run that a hand has taken. */
export interface Held {
  readonly id: string
  readonly epoch: number
}

/** How many runs may be in hand at once. */
export interface Limits {
  readonly workspace: number
  readonly pipeline: number
}

/** How a hand leaves a run. `to` counts only while nobody has paused or ended the run meanwhile. */
export interface Leaving {
  readonly to?: { readonly state: RunState; readonly output?: unknown; readonly error?: RunError }
  /** Look at it again then, milliseconds since 1970. */
  readonly wakeAt?: number
}

/** Who takes a run. */
export interface Taking {
  /** Id of the member that holds it while it lives. */
  readonly holder: string
  readonly instance: string
  readonly limits: Limits
}

/** What somebody who does not hold a run makes of it. */
export interface Change {
  readonly from: readonly RunState[]
  /** Only as it was read: what is written follows from its steps. */
  readonly version?: number
  readonly to: RunState
  /** Steps in one of these states become `became`. */
  readonly steps?: { readonly were: readonly Node['state'][]; readonly became: Node['state'] }
  readonly wake?: boolean
}

/** The rows of runs. */
export interface Ledger {
  insert(run: StoredRun): Promise<void>
  load(id: string): Promise<StoredRun | undefined>
  /** State and version alone. */
  glance(id: string): Promise<{ readonly state: RunState; readonly version: number } | undefined>
  /** Ids, newest first. */
  ids(limit: number): Promise<readonly string[]>
  /** Ids of runs that have not ended and are not paused, by id, after `after`. */
  open(limit: number, after?: string): Promise<readonly string[]>
  /** The approvals that an open run waits for. */
  awaited(id: string): Promise<readonly string[]>
  /** Whether a step of a run is to be tried again at a later time. */
  sleeps(id: string): Promise<boolean>
  /** Takes a run as it was read, durably; `undefined` when it has moved meanwhile or the limits are reached. */
  take(run: StoredRun, taking: Taking): Promise<Held | undefined>
  /** Who holds runs. */
  holders(): Promise<readonly string[]>
  /** What a dead holder held is free. */
  free(holder: string): Promise<void>
  /** Ids of runs of a holder that somebody has cancelled. */
  cancelled(holder: string): Promise<readonly string[]>
  /** Writes steps of a run in hand; answers the state of the run. Throws `STORE_CONFLICT` once it is in another hand. */
  write(held: Held, nodes: readonly Node[], options?: { readonly durable?: boolean }): Promise<RunState>
  /**
   * Resolves when everything written before survives a power cut. Steps of one moment, of all runs, share one sync: what a
   * power cut takes back of them was let through under their keys, so nothing is repeated unasked.
   */
  sync(): Promise<void>
  /** Leaves a run in order: nothing of it is under way any more. */
  leave(held: Held, leaving: Leaving): Promise<void>
  /** Changes a run from outside, with nodes of its own; `false` when it is not as is asked for. */
  change(id: string, change: Change, nodes?: readonly Node[]): Promise<boolean>
  /** Leaves a note that the run is to be advanced. */
  wake(id: string, at?: number): Promise<void>
}

/** Makes the ledger on a store. Calls `changed` after every write; what it writes goes into the feed with it. */
export function createLedger(
  store: Store,
  now: () => number,
  changed: (id: string) => void,
  events?: Pick<Events, 'statement'>,
): Ledger {
  const said = (told: readonly NewEvent[]) => (events ? told.map((event) => events.statement(event)) : [])
  const wakeOf = (id: string, at?: number): Wake => ({ queue: QUEUE, key: id, ...(at === undefined ? {} : { at }) })
  const strings = async (key: string, sql: string, ...args: readonly (string | number)[]) =>
    (await store.all(sql, ...args)).map((row) => String(row[key]))
  let syncing: Promise<void> | undefined
  return {
    async insert(run) {
      const nodes = [...run.nodes.values()].map((node) => putNode(run.id, node))
      const told = said([toldOfRun(run.id, run.state, { pipeline: run.definition.id })])
      await store.write([putRun(run), ...nodes, ...told], { wakes: [wakeOf(run.id)] })
      changed(run.id)
    },
    async load(id) {
      // In this order: steps that are newer than their run are harmless, an ended run with older steps would lie.
      const [row] = await store.all('select * from runs where id = $1', id)
      return row && runOf(row, await store.all('select * from run_nodes where run = $1', id))
    },
    async glance(id) {
      const [row] = await store.all('select state, version from runs where id = $1', id)
      return row && { state: String(row['state']) as RunState, version: Number(row['version']) }
    },
    ids: (limit) =>
      strings('id', 'select id from runs order by created_at desc, id desc limit cast($1 as bigint)', limit),
    open: (limit, after = '') =>
      strings(
        'id',
        `select id from runs where state in ('running', 'waiting') and id > $1 order by id limit cast($2 as bigint)`,
        after,
        limit,
      ),
    awaited: (id) =>
      strings(
        'approval',
        `select approval from run_nodes
          where run = $1 and approval is not null and state in ('waiting', 'indeterminate')`,
        id,
      ),
    async sleeps(id) {
      const sql = `select 1 as one from run_nodes
        where run = $1 and state = 'pending' and due > cast($2 as bigint) limit 1`
      return (await store.all(sql, id, now())).length > 0
    },
    async take(run, { holder, instance, limits }) {
      const carriers = [...new Set([...run.carriers, instance])]
      const [rows] = await store.write([
        {
          sql: `update runs set epoch = epoch + 1, holder = $1, carriers = $2, version = version + 1,
                  state = case when state = 'cancelled' then state else 'running' end
                where id = $3 and epoch = cast($4 as bigint)
                  and (state in ('running', 'waiting') or (state = 'cancelled' and carriers <> '[]'))
                  and (select count(*) from runs other where other.holder is not null and other.id <> $3)
                    < cast($5 as bigint)
                  and (select count(*) from runs other
                        where other.holder is not null and other.id <> $3 and other.pipeline = $6)
                    < cast($7 as bigint)
                returning epoch`,
          args: [
            holder,
            JSON.stringify(carriers),
            run.id,
            run.epoch,
            limits.workspace,
            run.definition.id,
            limits.pipeline,
          ],
        },
      ])
      if (!rows?.[0]) return undefined
      changed(run.id)
      return { id: run.id, epoch: Number(rows[0]['epoch']) }
    },
    holders: () => strings('holder', 'select distinct holder from runs where holder is not null'),
    async free(holder) {
      await store.write([{ sql: 'update runs set holder = null where holder = $1', args: [holder] }], {
        durable: false,
      })
    },
    cancelled: (holder) => strings('id', `select id from runs where holder = $1 and state = 'cancelled'`, holder),
    async write({ id, epoch }, nodes, { durable = true } = {}) {
      const fence: Statement = {
        sql: `update runs set version = version + 1 where id = $1 and epoch = cast($2 as bigint) returning state`,
        args: [id, epoch],
        expect: 1,
      }
      const [rows] = await store.write(
        [fence, ...nodes.map((node) => putNode(id, node)), ...said(nodes.map((node) => toldOfStep(id, node)))],
        { durable },
      )
      changed(id)
      return String(rows?.[0]?.['state']) as RunState
    },
    sync() {
      syncing ??= soon(SYNC_MS).then(() => {
        // From here on a later step needs a later sync.
        syncing = undefined
        return store.write([TOUCH]).then(() => {})
      })
      return syncing
    },
    async leave({ id, epoch }, { to, wakeAt }) {
      const batch: Statement[] = [
        {
          sql: `update runs set holder = null, carriers = '[]', version = version + 1
                where id = $1 and epoch = cast($2 as bigint)`,
          args: [id, epoch],
          expect: 1,
        },
      ]
      if (to) {
        const about = to.error ? { error: to.error } : {}
        batch.push(moveRun(id, to, now()), ...said([toldOfRun(id, to.state, about)]))
      }
      await store.write(batch, wakeAt === undefined ? {} : { wakes: [wakeOf(id, wakeAt)] })
      changed(id)
    },
    async change(id, { from, version, to, steps, wake = false }, nodes = []) {
      const batch: Statement[] = [
        {
          sql: `update runs set state = $2, error = null, output = null, ended_at = cast($3 as bigint),
                  version = version + 1
                where id = $1 and version = coalesce(cast($4 as bigint), version)
                  and state in (${from.map((_, i) => `$${i + 5}`).join(', ')})`,
          args: [id, to, hasEnded(to) ? now() : null, version ?? null, ...from],
          expect: 1,
        },
      ]
      if (steps) {
        batch.push({
          sql: `update run_nodes set state = $2, due = null, ended_at = cast($3 as bigint)
                where run = $1 and state in (${steps.were.map((_, i) => `$${i + 4}`).join(', ')})`,
          args: [id, steps.became, now(), ...steps.were],
        })
      }
      batch.push(...nodes.map((node) => putNode(id, node)))
      batch.push(...said([toldOfRun(id, to), ...nodes.map((node) => toldOfStep(id, node))]))
      try {
        await store.write(batch, wake ? { wakes: [wakeOf(id)] } : {})
      } catch (error) {
        if (isConflict(error)) return false
        throw error
      }
      changed(id)
      return true
    },
    async wake(id, at) {
      // Not durable: the state of the run is the truth, and `resume` wakes whatever was left.
      await store.write([], { durable: false, wakes: [wakeOf(id, at)] })
    },
  }
}

// A sync holds up every write that is committed with it, so that the steps of several turns share one.
const SYNC_MS = 20
/** Its commit syncs the log of the store, and with it the commits before; one that changed nothing would not. */
const TOUCH: Statement = {
  sql: `insert into run_syncs (id, n) values (0, 1) on conflict (id) do update set n = run_syncs.n + 1`,
}

/** Whether a write was undone because somebody else had moved the run. */
export function isConflict(error: unknown): boolean {
  return isClonedError(error) && String(error.code) === 'STORE_CONFLICT'
}

/** Whether a run has come to an end. */
export function hasEnded(state: RunState): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled'
}

/** A run that has come to its end is at it though somebody paused it meanwhile; one that waits stays paused. */
function moveRun(id: string, { state, output, error }: NonNullable<Leaving['to']>, at: number): Statement {
  const from = hasEnded(state) ? `('running', 'waiting', 'paused')` : `('running', 'waiting')`
  return {
    sql: `update runs set state = $2, output = $3, error = $4, ended_at = cast($5 as bigint)
          where id = $1 and state in ${from}`,
    args: [id, state, text(output), text(error), hasEnded(state) ? at : null],
  }
}
