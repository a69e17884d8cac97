// Puts the embedded store together: connection, groups, steps and wakes; never answers before what it says is true.
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClonedError, describeThrown, type Logger } from 'cloned/kernel'
import { openConnections } from './database-file.js'
import { isBusy, storeFault } from './faults.js'
import { GroupWriter } from './group-writer.js'
import { isMigrated, migrate } from './migrate.js'
import { Session } from './session.js'
import type { Row, Statement, Store, Value, WriteOptions } from './slot.js'
import { createWakes, type WakeWork } from './wake-work.js'

/** How to make a store. */
export interface StoreOptions {
  /** The database file, absolute; asked for when it is opened. Its directory must exist. */
  readonly path: string | (() => string)
  readonly now: () => number
  readonly log?: Pick<Logger, 'error'>
  /** How long to wait for the locks of other processes before `STORE_BUSY`, milliseconds. */
  readonly busyMs?: number
}

/** A store with the ends of its life. */
export interface EmbeddedStore extends Store {
  /** Opens the file, made when there is none. Throws `STORE_UNUSABLE` for a file that is not a store. */
  open(): Promise<void>
  /** Stops handling wakes: `life` aborts, handlers get 3 s. Legal at any time, and twice. */
  drain(): Promise<void>
  /** Drains, finishes what was submitted, syncs relaxed commits, closes. Legal without `open`, and twice. */
  close(): Promise<void>
  /** What is wrong inside the file, empty when nothing is. Reads all of it. */
  inspect(): Promise<readonly string[]>
}

/** Makes an embedded store. Does no input or output before `open`. */
export function createStore(options: StoreOptions): EmbeddedStore {
  return new SqliteStore(options)
}

class SqliteStore implements EmbeddedStore {
  readonly #options: Required<Omit<StoreOptions, 'log'>>
  readonly #wakes: WakeWork
  readonly #writer: GroupWriter
  #state: 'new' | 'open' | 'closed' = 'new'
  #path = ''
  #session: Session | undefined

  constructor({ path, now, log, busyMs = 10_000 }: StoreOptions) {
    this.#options = { path, now, busyMs }
    this.#writer = new GroupWriter({ session: () => this.#connect(), giveUp: () => this.#disconnect(), busyMs })
    this.#wakes = createWakes({ store: this, directory: () => join(dirname(this.#path), 'workers'), now, log })
  }

  async open(): Promise<void> {
    if (this.#state !== 'new') throw new ClonedError('STORE_CLOSED', {})
    const { path } = this.#options
    this.#path = typeof path === 'string' ? path : path()
    this.#state = 'open'
    try {
      await this.#patiently(() => this.#connect())
      await this.migrate('cloned.store', this.#wakes.steps)
    } catch (error) {
      this.#state = 'closed'
      this.#disconnect()
      throw error
    }
  }

  async all(sql: string, ...args: readonly Value[]): Promise<readonly Row[]> {
    return this.#patiently((session) => session.read(sql, args))
  }

  async write(batch: readonly Statement[], { durable = true, wakes = [] }: WriteOptions = {}) {
    this.#mustBeOpen()
    // Copied: the caller may change the array before the batch runs.
    const statements = [...batch, ...this.#wakes.put(wakes)]
    const rows = await this.#writer.submit((session) => session.batch(statements), durable)
    if (wakes.length > 0) this.#wakes.notice(wakes)
    return rows.slice(0, batch.length)
  }

  async migrate(owner: string, steps: readonly (readonly string[])[]): Promise<void> {
    if (await this.#patiently((session) => isMigrated(session, owner, steps))) return
    await this.#writer.submit((session) => migrate(session, owner, steps), true)
    await this.#patiently((session) => session.migrated())
  }

  async now(): Promise<number> {
    return this.#options.now()
  }

  work(queue: string, handler: (key: string, life: AbortSignal) => Promise<void>): void {
    this.#wakes.work(queue, handler)
  }

  async drainWork(): Promise<void> {
    this.#mustBeOpen()
    await this.#wakes.drainWork()
  }

  async drain(): Promise<void> {
    await this.#wakes.stop()
  }

  async close(): Promise<void> {
    if (this.#state !== 'open') {
      this.#state = 'closed'
      return
    }
    try {
      await this.#wakes.stop()
      this.#state = 'closed'
      await this.#writer.idle()
      // Syncs the log first, and with it the commits that were not synced on their own.
      this.#session?.synchronous('full')
      this.#session?.connections.writer.exec('pragma wal_checkpoint(passive)')
    } catch (error) {
      throw error instanceof ClonedError ? error : storeFault(error)
    } finally {
      this.#state = 'closed'
      this.#disconnect()
    }
  }

  async inspect(): Promise<readonly string[]> {
    return this.#patiently(({ connections }) => {
      try {
        const rows = connections.reader.prepare('pragma quick_check').all() as { quick_check: string }[]
        return rows.map((row) => row.quick_check).filter((line) => line !== 'ok')
      } catch (error) {
        if (isBusy(error)) throw error
        return [describeThrown(error)]
      }
    })
  }

  #mustBeOpen(): void {
    if (this.#state !== 'open') throw new ClonedError('STORE_CLOSED', {})
  }

  #connect(): Session {
    this.#session ??= new Session(openConnections(this.#path))
    return this.#session
  }

  #disconnect(): void {
    this.#session?.connections.close()
    this.#session = undefined
  }

  /** Readers wait for nobody but a process that opens or closes the file at this moment. */
  async #patiently<T>(read: (session: Session) => T): Promise<T> {
    const { busyMs } = this.#options
    const until = performance.now() + busyMs
    for (;;) {
      this.#mustBeOpen()
      try {
        return read(this.#connect())
      } catch (error) {
        if (!isBusy(error)) throw error instanceof ClonedError ? error : storeFault(error)
        if (performance.now() > until) throw new ClonedError('STORE_BUSY', { ms: busyMs })
      }
      await sleep(1 + Math.random() * 4)
    }
  }
}
