// Runs the handlers of due wakes, each key by one holder; never forgets a wake before its handler has returned.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClonedError, type FileLock, type Logger, sha256, tryFileLock } from 'cloned/kernel'
import type { Row, Statement, Store, Wake } from 'cloned/plugins/store'

type Handler = Parameters<Store['work']>[1]
type Key = Pick<Wake, 'queue' | 'key'>

export const WAKES = `create table if not exists acme_wakes (queue text, key text, due integer not null,
  written integer not null, failures integer not null, primary key (queue, key))`

const MAX_TIMER_MS = 30_000
const LAST_RETRY_MS = 300_000
const STOP_MS = 3_000

/** The statement that writes a wake. */
export function put({ queue, key, at }: Wake, now: number): Statement {
  return {
    sql: `insert into acme_wakes (queue, key, due, written, failures) values ($1, $2, $3, 1, 0)
          on conflict (queue, key) do update set due = excluded.due, written = acme_wakes.written + 1, failures = 0`,
    args: [queue, key, Math.floor(at ?? now)],
  }
}

export interface WakesParts {
  readonly store: Pick<Store, 'all' | 'write'>
  /** Where the locks of running handlers are. */
  readonly directory: string
  readonly now: () => number
  readonly log: Pick<Logger, 'error'>
}

export class Wakes {
  readonly #parts: WakesParts
  readonly #handlers = new Map<string, Handler>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #life = new AbortController()

  constructor(parts: WakesParts) {
    this.#parts = parts
  }

  work(queue: string, handler: Handler): void {
    if (this.#handlers.has(queue)) throw new ClonedError('STORE_QUEUE_TAKEN', { queue })
    this.#handlers.set(queue, handler)
  }

  /** This process has written it: handled without further ado once it is due. */
  notice({ queue, key, at = 0 }: Wake): void {
    if (!this.#handlers.has(queue) || this.#life.signal.aborted) return
    const wait = Math.min(Math.max(at - this.#parts.now(), 0), MAX_TIMER_MS)
    const failed = (error: unknown) => {
      if (!this.#life.signal.aborted) this.#parts.log.error('a wake waits for another look', { error: String(error) })
    }
    setTimeout(() => void this.#look({ queue, key }).catch(failed), wait).unref()
  }

  /** Every due wake that has a handler here and no living holder, until none is left. */
  async drain(): Promise<void> {
    while (!this.#life.signal.aborted) {
      const due = await this.#due()
      const started = due.map((wake) => this.#start(wake)).filter((run) => run !== undefined)
      if (started.length === 0 && this.#running.size === 0) return
      await Promise.all([...started, ...this.#running.values()])
    }
  }

  /** Aborts what runs, and waits for it a little. Legal twice. */
  async stop(): Promise<void> {
    this.#life.abort()
    await Promise.race([Promise.allSettled(this.#running.values()), sleep(STOP_MS, undefined, { ref: false })])
  }

  async #look({ queue, key }: Key): Promise<void> {
    if (this.#life.signal.aborted) return
    const [row] = await this.#parts.store.all('select due from acme_wakes where queue = $1 and key = $2', queue, key)
    if (row && Number(row['due']) > this.#parts.now()) this.notice({ queue, key, at: Number(row['due']) })
    else if (row) await this.#start({ queue, key })
  }

  #due(): Promise<readonly Key[]> {
    const queues = [...this.#handlers.keys()]
    const list = queues.map((_, i) => `$${i + 2}`).join(', ')
    const sql = `select queue, key from acme_wakes where due <= $1 and queue in (${list}) order by due limit 16`
    const keyOf = (row: Row): Key => ({ queue: String(row['queue']), key: String(row['key']) })
    if (queues.length === 0) return Promise.resolve([])
    return this.#parts.store.all(sql, this.#parts.now(), ...queues).then((rows) => rows.map(keyOf))
  }

  /** Runs the handler unless somebody does already; `undefined` then. */
  #start(wake: Key): Promise<void> | undefined {
    const id = sha256(JSON.stringify([wake.queue, wake.key]))
    if (this.#running.has(id)) return undefined
    mkdirSync(this.#parts.directory, { recursive: true, mode: 0o700 })
    // The system releases it when the holder dies, so no wake is held by the dead.
    const lock = tryFileLock(join(this.#parts.directory, id))
    if (!lock) return undefined
    const run = this.#run(wake, lock).finally(() => this.#running.delete(id))
    this.#running.set(id, run)
    return run
  }

  async #run(wake: Key, lock: FileLock): Promise<void> {
    const { store, now, log } = this.#parts
    const { queue, key } = wake
    try {
      const sql = 'select written, failures from acme_wakes where queue = $1 and key = $2 and due <= $3'
      const [row] = await store.all(sql, queue, key, now())
      if (!row) return
      try {
        await this.#handlers.get(queue)?.(key, this.#life.signal)
        const done = 'delete from acme_wakes where queue = $1 and key = $2 and written = $3'
        await store.write([{ sql: done, args: [queue, key, row['written'] ?? 0] }])
      } catch (error) {
        const retry = Math.min(1_000 * 2 ** Number(row['failures']), LAST_RETRY_MS)
        const later = this.#life.signal.aborted ? now() : now() + retry
        if (!this.#life.signal.aborted) log.error('a wake stays for later', { queue, key, error: String(error) })
        const failed = `update acme_wakes set due = $4, failures = failures + 1
                        where queue = $1 and key = $2 and written = $3`
        await store.write([{ sql: failed, args: [queue, key, row['written'] ?? 0, later] }])
      }
    } finally {
      lock.release()
    }
    await this.#look(wake)
  }
}
