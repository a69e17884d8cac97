// Names the store service: statements as data, durable batches and wakes; interface and token only.
import { slot } from 'cloned/kernel'

/** What a statement takes and answers. Booleans are 0 and 1, times are milliseconds, JSON is text. */
export type Value = string | number | bigint | null | Uint8Array
export type Row = Readonly<Record<string, Value>>

/** One statement with `$1`, `$2` … parameters, in the SQL that SQLite and PostgreSQL share. */
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
  /** Reads; sees every committed write of every process. */
  all(sql: string, ...args: readonly Value[]): Promise<readonly Row[]>
  /** All or nothing. Answers the returned rows of each statement. Batches of one moment share one sync. */
  write(batch: readonly Statement[], options?: WriteOptions): Promise<readonly (readonly Row[])[]>
  /** Brings one plugin's tables to the last of its numbered steps, under a lock. Steps never change once published. */
  migrate(owner: string, steps: readonly (readonly string[])[]): Promise<void>
  /** The store's clock, milliseconds. */
  now(): Promise<number>
  /**
   * Handles due wakes of a queue: one holder per (queue, key) among all processes, at least once. `life` aborts when the
   * store closes. A wake written while its handler runs leads to another run.
   */
  work(queue: string, handler: (key: string, life: AbortSignal) => Promise<void>): void
  /** Looks for wakes that other (dead) processes left and handles them; resolves when nothing due is left here. */
  drainWork(): Promise<void>
}

export const storeSlot = slot<Store>('cloned.store', { contract: 1 })
