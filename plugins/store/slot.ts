// Names the store service: statements as data, durable batches and wakes; interface and token only.
import { slot } from 'cloned/kernel'

/** What a statement takes and answers. Booleans are 0 and 1, times are milliseconds, JSON is text. */
export type Value = string | number | bigint | null | Uint8Array
export type Row = Readonly<Record<string, Value>>

/**
 * One statement with `$1`, `$2` … parameters, in the SQL that SQLite and PostgreSQL share: insert, update, delete, select
 * or with. Every argument must be used, and numbers must be finite; `STORE_STATEMENT` otherwise.
 */
export interface Statement {
  readonly sql: string
  readonly args?: readonly Value[]
  /** Rows that must be changed or returned; another number undoes the whole batch with `STORE_CONFLICT`. */
  readonly expect?: number
}

/** A durable note that something is due; one per (queue, key), a later one with the same key moves it. */
export interface Wake {
  readonly queue: string
  readonly key: string
  /** Due at this time, milliseconds; at once when absent. */
  readonly at?: number
}

export interface WriteOptions {
  /**
   * `true` (default): resolves when the batch survives a power cut. `false`: resolves when every process sees it; only
   * for what can be rebuilt from elsewhere.
   */
  readonly durable?: boolean
  readonly wakes?: readonly Wake[]
}

export interface Store {
  /** Reads with select, with or values; sees every committed write of every process. It cannot write. */
  all(sql: string, ...args: readonly Value[]): Promise<readonly Row[]>
  /**
   * All or nothing. Answers the returned rows of each statement. Batches of one moment share one sync.
   * Throws `STORE_CONFLICT` (an `expect` was missed, or a key exists already), `STORE_STATEMENT`, `STORE_BUSY` (other
   * processes held the lock for 10 s) and `STORE_FAILED`. After the last, and only then, a power cut may still bring back
   * the batch that was not acknowledged.
   */
  write(batch: readonly Statement[], options?: WriteOptions): Promise<readonly (readonly Row[])[]>
  /**
   * Brings one plugin's tables to the last of its numbered steps, all or nothing, under a lock. Steps never change once
   * published: `STORE_STEP_CHANGED`, and `STORE_NEWER` when the store has more steps than are given here.
   */
  migrate(owner: string, steps: readonly (readonly string[])[]): Promise<void>
  /** The store's clock, milliseconds. */
  now(): Promise<number>
  /**
   * Handles due wakes of a queue: one holder per (queue, key) among all processes, at least once. Wakes that this process
   * writes are handled without further ado, those of others by `drainWork`. A wake written while its handler runs leads
   * to another run. `life` aborts when the store drains; the handler then has 3 s.
   * A handler that returns has done its work, and the wake is gone; one that stops early, for `life` too, must throw:
   * the wake stays, due again after 1 s, then 2 s, 4 s … up to 5 min. Throws `STORE_QUEUE_TAKEN` for a second handler.
   */
  work(queue: string, handler: (key: string, life: AbortSignal) => Promise<void>): void
  /**
   * Handles every due wake that no living process holds, whoever wrote it; resolves when none with a handler here is left.
   * Never call it inside a handler: it waits for the handlers that run.
   */
  drainWork(): Promise<void>
}

export const storeSlot = slot<Store>('cloned.store', { contract: 1 })
