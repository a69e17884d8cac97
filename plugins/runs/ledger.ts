// Stores runs and moves them from state to state; a move made from an outdated view must never succeed.
import { isClonedError, type Json } from 'cloned/kernel'
import type { Statement, Store, Wake } from '../store/slot.js'
import type { RunError, RunState, RunStepState } from './slot.js'
import { runOf, type StoredRun, text } from './tables.js'

/** The queue whose wakes advance runs; the key is the run's id. */
export const QUEUE = 'runs'

/** What a step becomes; what is not named is cleared. */
export interface StepMove {
  readonly index: number
  readonly state: RunStepState
  readonly calls: readonly string[]
  readonly instance?: string | undefined
  readonly approval?: string
  readonly output?: Json
  readonly error?: RunError
}

/** What a run becomes; what is not named is cleared. */
export interface RunMove {
  readonly state: RunState
  readonly output?: Json
  readonly error?: RunError
  readonly step?: StepMove
}

/** The rows of runs. */
export interface Ledger {
  insert(run: StoredRun): Promise<void>
  load(id: string): Promise<StoredRun | undefined>
  /** Ids, newest first. */
  ids(limit: number): Promise<readonly string[]>
  /** Ids of runs that have not ended. */
  open(): Promise<readonly string[]>
  /** Moves a run from the version that was read. Throws `STORE_CONFLICT` when somebody moved it meanwhile. */
  move(from: StoredRun, to: RunMove, options?: { readonly wake?: boolean }): Promise<void>
  /** Writes down how a step ended whose run was moved by somebody else; never moves the run. */
  note(run: string, step: StepMove): Promise<void>
  /** Leaves a durable note that the run is to be advanced. */
  wake(id: string): Promise<void>
}

/** Makes the ledger on a store. Calls `changed` after every write. */
export function createLedger(store: Store, now: () => number, changed: (id: string) => void): Ledger {
  const wakeOf = (id: string): Wake => ({ queue: QUEUE, key: id })
  return {
    async insert(run) {
      await store.write([insertRun(run), ...run.steps.map((_, index) => insertStep(run, index))], {
        wakes: [wakeOf(run.id)],
      })
      changed(run.id)
    },
    async load(id) {
      // In this order: steps that are newer than their run are harmless, an ended run with older steps would lie.
      const [row] = await store.all('select * from runs where id = $1', id)
      return row && runOf(row, await store.all('select * from run_steps where run = $1 order by idx', id))
    },
    async ids(limit) {
      const rows = await store.all(
        'select id from runs order by created_at desc, id desc limit cast($1 as bigint)',
        limit,
      )
      return rows.map(({ id }) => String(id))
    },
    async open() {
      const rows = await store.all("select id from runs where state in ('running', 'waiting') order by created_at, id")
      return rows.map(({ id }) => String(id))
    },
    async move(from, to, { wake = false } = {}) {
      const batch = [moveRun(from, to, now()), ...(to.step ? [moveStep(from.id, to.step)] : [])]
      await store.write(batch, wake ? { wakes: [wakeOf(from.id)] } : {})
      changed(from.id)
    },
    async note(run, step) {
      await store.write([moveStep(run, step)])
      changed(run)
    },
    async wake(id) {
      // Not durable: the state of the run is the truth, and `resume` wakes whatever was left.
      await store.write([], { durable: false, wakes: [wakeOf(id)] })
    },
  }
}

/** Whether a write was undone because somebody else had moved the run. */
export function isConflict(error: unknown): boolean {
  return isClonedError(error) && String(error.code) === 'STORE_CONFLICT'
}

/** Whether a run has come to an end. */
export function hasEnded(state: RunState): boolean {
  return state !== 'running' && state !== 'waiting'
}

function insertRun(run: StoredRun): Statement {
  return {
    sql: `insert into runs (id, pipeline, definition, inputs, actor, state, version, created_at)
          values ($1, $2, $3, $4, $5, $6, cast($7 as bigint), cast($8 as bigint))`,
    args: [
      run.id,
      run.pipeline,
      JSON.stringify(run.definition),
      JSON.stringify(run.inputs),
      JSON.stringify(run.actor),
      run.state,
      run.version,
      run.createdAt,
    ],
  }
}

function insertStep(run: StoredRun, index: number): Statement {
  const step = run.steps[index]
  return {
    sql: `insert into run_steps (run, idx, id, tool, state, calls) values ($1, cast($2 as bigint), $3, $4, $5, '[]')`,
    args: [run.id, index, step?.id ?? '', step?.tool ?? '', 'pending'],
  }
}

function moveRun(from: StoredRun, to: RunMove, at: number): Statement {
  return {
    sql: `update runs set state = $3, output = $4, error = $5, ended_at = cast($6 as bigint), version = version + 1
          where id = $1 and version = cast($2 as bigint)`,
    args: [from.id, from.version, to.state, text(to.output), text(to.error), hasEnded(to.state) ? at : null],
    expect: 1,
  }
}

function moveStep(run: string, step: StepMove): Statement {
  return {
    sql: `update run_steps set state = $3, calls = $4, instance = $5, approval = $6, output = $7, error = $8
          where run = $1 and idx = cast($2 as bigint)`,
    args: [
      run,
      step.index,
      step.state,
      JSON.stringify(step.calls),
      step.instance ?? null,
      step.approval ?? null,
      text(step.output),
      text(step.error),
    ],
    expect: 1,
  }
}
