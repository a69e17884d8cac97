// Gathers records into batches that share one sync; must never resolve out of order or after a failure.
import { ClonedError, describeThrown, type Receipt } from 'cloned/kernel'
import type { SignedNote, Written } from './batch.js'
import type { Transport } from './transport.js'

// Bounds how long other processes wait for the lock and how much memory a batch takes (64 MiB at 64 KiB a line).
const MAX_BATCH = 1_024
/** How long nothing is accepted after a failure, milliseconds; doubled by every further one up to the limit. */
const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 60_000

interface Waiting {
  readonly body: string
  resolve(receipt: Receipt): void
  reject(error: ClonedError): void
}

/** Adds to the batches what the log says of itself. */
export interface Keeper {
  /** Bodies that come before everything else of a writer that was just opened. */
  opening(): readonly string[]
  /** The note that is due, if any. Never rejects. */
  note(): Promise<SignedNote | undefined>
  /** Hears of every batch that is durable. */
  wrote(written: Written, transport: Transport): void
  /** The last thing before the writer is closed. Never rejects. */
  closing(write: GroupCommit['write'], transport: Transport): Promise<void>
}

export interface GroupCommitOptions {
  /** Path of the log, for error texts. */
  readonly path: string
  /** Called by the first record, and by the first after a failure and its pause. */
  readonly open: () => Promise<Transport>
  readonly now: () => number
  readonly keeper?: Keeper
}

/** The queue before the writer. One batch is under way at a time; what arrives meanwhile is the next one. */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  #waiting: Waiting[] = []
  #errands: (() => Promise<void>)[] = []
  #transport: Transport | undefined
  /** Whether the log says that this writer was opened. */
  #greeted = false
  #running: Promise<void> | undefined
  #closed: Promise<void> | undefined
  #failure: { readonly refusal: ClonedError; readonly at: number; readonly pauseMs: number } | undefined
  /** The failure that the next batch recovers from. */
  #recovering: string | undefined

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  /** Why nothing is accepted now; `undefined` while the log is sound, and when it is time to try again. */
  get refusal(): ClonedError | undefined {
    if (this.#closed) return new ClonedError('AUDIT_CLOSED', {})
    if (!this.#failure) return undefined
    const { refusal, at, pauseMs } = this.#failure
    return this.#recovering !== undefined || this.#options.now() - at >= pauseMs ? undefined : refusal
  }

  push(body: string): Promise<Receipt> {
    const { refusal } = this
    if (refusal) return Promise.reject(refusal)
    // The first record after the pause: open anew, check what is there, go on. A failed sync itself is never repeated.
    if (this.#failure) this.#recovering = this.#failure.refusal.message
    return new Promise((resolve, reject) => {
      this.#waiting.push({ body, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Does something between two batches. Rejects with the failure of the log, and for a closed one. */
  between<T>(work: (write: GroupCommit['write'], transport: Transport) => Promise<T>): Promise<T> {
    const { refusal } = this
    if (refusal) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      const errand = async () => work(this.write, await this.#open())
      this.#errands.push(() => errand().then(resolve, (error: unknown) => reject(this.#poison(error, []))))
      this.#running ??= this.#run()
    })
  }

  /** Waits for every record that was accepted, then ends the writer. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#running
    const transport = this.#transport
    if (!transport) return
    if (!this.#failure) await this.#options.keeper?.closing(this.write, transport)
    this.#transport = undefined
    await transport.close()
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 || this.#errands.length > 0) {
      // One turn of the event loop, so that everybody who was just answered can join the next batch.
      await new Promise(setImmediate)
      const batch = this.#waiting.splice(0, MAX_BATCH)
      if (batch.length > 0) await this.#commit(batch)
      await this.#errands.shift()?.()
    }
    this.#running = undefined
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    try {
      const { receipts } = await this.write(
        batch.map(({ body }) => body),
        [],
        await this.#options.keeper?.note(),
      )
      if (receipts.length !== batch.length) {
        throw new Error(`the writer answered for ${receipts.length} of ${batch.length}`)
      }
      for (const [i, receipt] of receipts.entries()) batch[i]?.resolve(receipt)
    } catch (error) {
      this.#poison(error, batch)
    }
  }

  /** Writes one batch. For work between batches: at most one at a time. */
  readonly write = async (
    bodies: readonly string[],
    own: readonly string[] = [],
    checkpoint?: SignedNote,
  ): Promise<Written> => {
    const { keeper, now } = this.#options
    const transport = await this.#open()
    const opening = this.#greeted ? [] : (keeper?.opening() ?? [])
    const written = await transport.write({
      ts: new Date(now()).toISOString(),
      bodies,
      own: [...opening, ...own],
      ...(checkpoint ? { checkpoint } : {}),
      ...(this.#recovering === undefined ? {} : { recovering: this.#recovering }),
    })
    this.#greeted = true
    this.#failure = undefined
    this.#recovering = undefined
    keeper?.wrote(written, transport)
    return written
  }

  async #open(): Promise<Transport> {
    this.#transport ??= await this.#options.open()
    return this.#transport
  }

  #poison(error: unknown, batch: readonly Waiting[]): ClonedError {
    const { path, now } = this.#options
    const refusal = new ClonedError('AUDIT_POISONED', { path, cause: describeThrown(error) }, { cause: error })
    const pauseMs = this.#failure ? Math.min(2 * this.#failure.pauseMs, MAX_PAUSE_MS) : FIRST_PAUSE_MS
    this.#failure = { refusal, at: now(), pauseMs }
    this.#recovering = undefined
    const transport = this.#transport
    this.#transport = undefined
    this.#greeted = false
    for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(refusal)
    // It refuses everything from now on; what it could still say is how it failed, and that is known.
    transport?.close().catch(() => undefined)
    return refusal
  }
}
