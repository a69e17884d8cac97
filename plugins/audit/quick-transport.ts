// Writes single records on the calling thread while that is faster than asking the writer's; the two must never write at once.
import type { Batch, TreeState, Written } from './batch.js'
import { LogWriter } from './log-writer.js'
import { newWorkerTransport, type OnTrouble, type Transport, type WriterStart } from './transport.js'

/** What a write with its sync may usually take to be waited for on the calling thread, milliseconds. */
const QUICK_MS = 2
/** Where it takes longer, the calling thread is spared for so many times as long: it waits for a twentieth of the time at most. */
const SPARE = 20
/** How much the last one counts for what is usual: a single slow one may be the processor's fault, not the disk's. */
const LAST = 0.25

/** Writes where it is faster at the time. */
export function newQuickTransport(start: WriterStart, onTrouble: OnTrouble): Transport {
  return new QuickTransport(newWorkerTransport(start, onTrouble), new LogWriter(start))
}

export class QuickTransport implements Transport {
  readonly #thread: Transport
  readonly #writer: LogWriter
  readonly #now: () => number
  /** Operations of the thread that are not answered yet. */
  #asked = 0
  /** The thread has written: what a log says of its beginning, and what must be kept beside it, is done. */
  #begun = false
  /** Time of the last batch that the thread has not seen. */
  #unseen: string | undefined
  /** What a write here usually takes, milliseconds; nothing is usual yet at first, and after a time of sparing. */
  #usual: number | undefined
  #sparedUntil = Number.NEGATIVE_INFINITY
  #failure: { readonly cause: unknown } | undefined

  /** `now`: milliseconds of a clock that only goes on. */
  constructor(thread: Transport, writer: LogWriter, now: () => number = () => performance.now()) {
    this.#thread = thread
    this.#writer = writer
    this.#now = now
  }

  async write(batch: Batch): Promise<Written> {
    this.#mustBeSound()
    const written = this.#isQuick(batch) ? this.#writeHere(batch) : undefined
    if (written) return written
    const answer = await this.#ask(() => this.#thread.write(batch))
    this.#begun = true
    this.#unseen = undefined
    return answer
  }

  async tree(): Promise<TreeState | undefined> {
    await this.#catchUp()
    return this.#ask(() => this.#thread.tree())
  }

  async rotate(first: number, ts: string): Promise<boolean> {
    await this.#catchUp()
    return this.#ask(() => this.#thread.rotate(first, ts))
  }

  close(): Promise<void> {
    this.#writer.close()
    return this.#thread.close()
  }

  #isQuick({ bodies, own = [], checkpoint, recovering }: Batch): boolean {
    const plain = own.length === 0 && checkpoint === undefined && recovering === undefined
    return this.#begun && this.#asked === 0 && bodies.length === 1 && plain && this.#now() >= this.#sparedUntil
  }

  #writeHere(batch: Batch): Written | undefined {
    const start = this.#now()
    try {
      const written = this.#writer.writeNow(batch)
      if (written) this.#unseen = batch.ts
      return written
    } catch (cause) {
      this.#failure = { cause }
      throw cause
    } finally {
      this.#learn(this.#now() - start)
    }
  }

  #learn(took: number): void {
    this.#usual = this.#usual === undefined ? took : (1 - LAST) * this.#usual + LAST * took
    if (this.#usual <= QUICK_MS) return
    this.#sparedUntil = this.#now() + SPARE * this.#usual
    this.#usual = undefined
  }

  /** The thread knows the log up to its own last batch; an empty one shows it the rest. */
  async #catchUp(): Promise<void> {
    this.#mustBeSound()
    const ts = this.#unseen
    if (ts === undefined) return
    this.#unseen = undefined
    await this.#ask(() => this.#thread.write({ ts, bodies: [] }))
  }

  async #ask<T>(wish: () => Promise<T>): Promise<T> {
    this.#asked++
    try {
      return await wish()
    } catch (cause) {
      this.#failure ??= { cause }
      throw cause
    } finally {
      this.#asked--
    }
  }

  /** What the disk holds after a failure is known to neither of the two. */
  #mustBeSound(): void {
    if (this.#failure) throw this.#failure.cause
  }
}
