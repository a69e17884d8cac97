// Sends the feed to everybody who listens; whoever does not keep up is cut off, so that nothing is kept for them.
import { setTimeout as pause } from 'node:timers/promises'
import { describeThrown, type Logger } from 'cloned/kernel'
import { POLL_MS, wanted } from './feed.js'
import type { Events, FeedEvent } from './slot.js'

/** The open answer of one reader. */
export interface Connection {
  readonly writableLength: number
  readonly writableNeedDrain: boolean
  readonly destroyed: boolean
  write(bytes: Buffer): boolean
  end(): unknown
  destroy(): unknown
  once(event: 'close' | 'drain', listener: () => void): unknown
}

/** Somebody who listens. */
export interface Reader {
  readonly connection: Connection
  readonly types: readonly string[]
  /** Id of the last event that the reader has seen. */
  readonly after: number
  /** Whether the reader may still read. Asked now and then, and as soon as the feed tells of a pairing; absent: for ever. */
  readonly mayRead?: (() => Promise<boolean>) | undefined
}

interface Live {
  readonly connection: Connection
  readonly types: readonly string[]
  /** Readers who want the same get the same bytes. */
  readonly key: string
  readonly since: number
  /** Seen already when it joined. */
  readonly after: number
  readonly mayRead: Reader['mayRead']
}

export interface ReadersOptions {
  readonly heartbeatMs: number
  /** After so long a stream ends, and its reader goes on with a proof of who it is that is fresh. */
  readonly lifeMs: number
  /** Bytes that may wait for a reader when there is more for it. */
  readonly maxWaiting: number
  readonly log: Pick<Logger, 'error'>
}

const PAGE = 200
/** A reader of what is stored may take so long for one page, milliseconds. */
const PATIENCE_MS = 10_000
const RETRY_MS = 1_000
/** Types of what happens to devices. */
const PAIRING = 'pairing.'
const HEARTBEAT = Buffer.from(':\n\n')

export class Readers {
  readonly #events: Pick<Events, 'takeIn' | 'read' | 'range'>
  readonly #options: ReadersOptions
  readonly #live = new Set<Live>()
  readonly #joining = new Set<Connection>()
  /** Everything up to here was sent to every live reader. */
  #at: number | undefined
  #running: Promise<void> | undefined
  #heartbeat: NodeJS.Timeout | undefined
  #closed = new AbortController()

  constructor(events: Pick<Events, 'takeIn' | 'read' | 'range'>, options: ReadersOptions) {
    this.#events = events
    this.#options = options
  }

  get size(): number {
    return this.#live.size
  }

  /** Sends what is stored after `after`, as fast as the reader takes it, and then what happens. Never throws. */
  async add({ connection, types, after, mayRead }: Reader): Promise<void> {
    this.#joining.add(connection)
    connection.once('close', () => this.#joining.delete(connection))
    try {
      await this.#start()
      for (let at = after; !connection.destroyed; ) {
        if (mayRead && !(await mayRead())) return void connection.destroy()
        // Synchronous from here to `#live`: nothing can happen in between.
        if (this.#at !== undefined && at >= this.#at) return this.#join({ connection, types, after: at, mayRead })
        const { events, next } = await this.#events.read({ after: at, limit: PAGE, types })
        at = next
        if (events.length > 0) connection.write(Buffer.concat(events.map(frame)))
        if (connection.writableNeedDrain && !(await drained(connection))) return
      }
    } catch (error) {
      this.#options.log.error('a reader of events was cut off', { cause: describeThrown(error) })
      connection.destroy()
    } finally {
      this.#joining.delete(connection)
    }
  }

  /** Ends every stream; readers go on elsewhere. Legal twice. */
  async close(): Promise<void> {
    this.#closed.abort()
    clearInterval(this.#heartbeat)
    for (const { connection } of this.#live) connection.end()
    for (const connection of this.#joining) connection.end()
    this.#live.clear()
    await this.#running
  }

  #join({ connection, types, after, mayRead }: Reader): void {
    if (this.#closed.signal.aborted) return void connection.end()
    const live = { connection, types, key: types.join(), since: performance.now(), after, mayRead }
    this.#live.add(live)
    connection.once('close', () => this.#live.delete(live))
  }

  async #start(): Promise<void> {
    if (this.#running || this.#closed.signal.aborted) return
    await this.#events.takeIn()
    const { last } = await this.#events.range()
    if (this.#running) return
    this.#at = last
    this.#running = this.#run()
    this.#heartbeat = setInterval(() => this.#beat(), this.#options.heartbeatMs)
    this.#heartbeat.unref()
  }

  /** Until nobody listens any more; the next reader starts it again. */
  async #run(): Promise<void> {
    const { signal } = this.#closed
    while (!signal.aborted && (this.#live.size > 0 || this.#joining.size > 0)) {
      let wait = POLL_MS
      try {
        await this.#events.takeIn()
        const { events, next } = await this.#events.read({ after: this.#at ?? 0, limit: PAGE })
        this.#at = next
        if (events.some(({ type }) => type.startsWith(PAIRING))) await this.#ask()
        this.send(events)
        if (events.length > 0) wait = 0
      } catch (error) {
        this.#options.log.error('events could not be read; they are read again', { cause: describeThrown(error) })
        wait = RETRY_MS
      }
      await pause(wait, undefined, { signal, ref: false }).catch(() => undefined)
    }
    clearInterval(this.#heartbeat)
    this.#running = undefined
    this.#at = undefined
  }

  /** Sends events to every live reader. */
  send(events: readonly FeedEvent[]): void {
    const [first] = events
    if (!first) return
    const shared = new Map<string, Buffer>()
    const bytesFor = ({ types, after }: Live) =>
      Buffer.concat(events.filter((event) => event.seq > after && wanted({ types }, event)).map(frame))
    for (const live of this.#live) {
      const bytes = live.after >= first.seq ? bytesFor(live) : (shared.get(live.key) ?? bytesFor(live))
      if (live.after < first.seq) shared.set(live.key, bytes)
      if (bytes.length > 0) this.#write(live.connection, bytes)
    }
  }

  /** A page may be larger than what may wait, and is shared by all who get it; whoever has not taken the last one is cut off. */
  #write(connection: Connection, bytes: Buffer): void {
    if (connection.writableLength > this.#options.maxWaiting) connection.destroy()
    else connection.write(bytes)
  }

  /** Cuts off whoever may not read any more; who cannot be asked about may not. */
  async #ask(): Promise<void> {
    const asked = [...this.#live].map(async ({ connection, mayRead }) => {
      if (mayRead && !(await mayRead().catch(() => false))) connection.destroy()
    })
    await Promise.all(asked)
  }

  #beat(): void {
    void this.#ask()
    const over = performance.now() - this.#options.lifeMs
    for (const { connection, since } of this.#live) {
      if (since < over) connection.end()
      else this.#write(connection, HEARTBEAT)
    }
  }
}

/** One event of a `text/event-stream`. JSON has no line breaks. */
export function frame({ seq, text }: Pick<FeedEvent, 'seq' | 'text'>): Buffer {
  return Buffer.from(`id: ${seq}\ndata: ${text}\n\n`)
}

/** Waits until a reader has taken what it was sent; whoever does not is cut off. */
async function drained(connection: Connection): Promise<boolean> {
  const over = new AbortController()
  const taken = new Promise<void>((resolve) => {
    connection.once('drain', resolve)
    connection.once('close', resolve)
  })
  await Promise.race([taken, pause(PATIENCE_MS, undefined, { signal: over.signal, ref: false }).catch(() => undefined)])
  over.abort()
  if (connection.writableNeedDrain) connection.destroy()
  return !connection.destroyed
}
