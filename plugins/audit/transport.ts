// Carries batches to a writer, in a worker thread or on this one; must never answer for a writer that died.
import { Worker } from 'node:worker_threads'
import { describeThrown, type Receipt } from 'cloned/kernel'
import type { Batch, TreeState, Written } from './batch.js'
import { LogWriter, type LogWriterOptions } from './log-writer.js'

/** A way to a writer. One operation at a time; each rejects with the cause, and after a failed `write` all others do. */
export interface Transport {
  write(batch: Batch): Promise<Written>
  /** See {@link LogWriter.tree}. */
  tree(): Promise<TreeState | undefined>
  /** See {@link LogWriter.rotate}. */
  rotate(first: number, ts: string): Promise<boolean>
  /** Waits for what is left to do, then ends the writer. */
  close(): Promise<void>
}

/** A way to a writer on the calling thread. */
export interface InlineTransport extends Transport {
  /** As `write`, and never waits for other writers: `undefined`, and nothing is written, when one is at work. */
  writeNow(batch: Batch): Promise<Written | undefined>
}

/** What a writer is made from; plain data, so that it reaches the thread. */
export type WriterStart = Pick<LogWriterOptions, 'paths' | 'lockMs' | 'genesis' | 'reserve'>

/** Hears what went wrong behind the answers: the log is whole, a file beside it is not up to date. */
export type OnTrouble = (cause: string) => void

/** A wish to the thread. Bodies come as one string with line feeds between them: copying costs by the object. */
export type WorkerWish =
  | { readonly op: 'write'; readonly batch: Omit<Batch, 'bodies'>; readonly count: number; readonly bodies: string }
  | { readonly op: 'tree' }
  | { readonly op: 'rotate'; readonly first: number; readonly ts: string }
  | { readonly op: 'close' }

/** What the thread answers. A batch: the sequence number of the first record, and all hashes one after the other. */
export type WorkerAnswer =
  | {
      readonly op: 'written'
      readonly written: Omit<Written, 'receipts'>
      readonly seq: number
      readonly hashes: string
    }
  | { readonly op: 'value'; readonly value: TreeState | boolean | undefined }
  | { readonly op: 'failure'; readonly cause: string }
  | { readonly op: 'trouble'; readonly cause: string }

const HASH_LENGTH = 64

/** Writes on the calling thread: simple, and every sync blocks it. */
export function newInlineTransport(start: WriterStart, onTrouble: OnTrouble = () => {}): InlineTransport {
  const writer = new LogWriter(start)
  const aside = <T>(work: () => T): T | undefined => {
    try {
      return work()
    } catch (error) {
      onTrouble(describeThrown(error))
      return undefined
    }
  }
  return {
    write: async (batch) => {
      const written = writer.write(batch)
      aside(() => writer.afterwards())
      return written
    },
    writeNow: async (batch) => {
      const written = writer.writeNow(batch)
      if (written) aside(() => writer.afterwards())
      return written
    },
    tree: async () => aside(() => writer.tree()),
    rotate: async (first, ts) => writer.rotate(first, ts),
    close: async () => {
      aside(() => writer.afterwards(true))
      writer.close()
    },
  }
}

/** Writes in a thread of its own: syncs then wait for the disk alone, not for whatever fills Node's thread pool. */
export function newWorkerTransport(start: WriterStart, onTrouble: OnTrouble = () => {}): Transport {
  // Without its own list a thread takes the process's flags, and some (--input-type) keep it from starting.
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: start, execArgv: [] })
  return new WorkerTransport(worker, onTrouble)
}

interface Waiter {
  resolve(answer: WorkerAnswer): void
  reject(cause: Error): void
}

class WorkerTransport implements Transport {
  readonly #worker: Worker
  readonly #ended: Promise<void>
  /** The thread answers in the order of the wishes. */
  #waiters: Waiter[] = []
  #failure: Error | undefined

  constructor(worker: Worker, onTrouble: OnTrouble) {
    this.#worker = worker
    // An idle writer must not keep the process alive; one with a batch in hand must.
    worker.unref()
    worker.on('message', (answer: WorkerAnswer) => {
      if (answer.op === 'trouble') onTrouble(answer.cause)
      else if (answer.op === 'failure') this.#fail(new Error(answer.cause))
      else this.#settle((waiter) => waiter.resolve(answer))
    })
    worker.on('error', (error) => this.#fail(error))
    worker.on('messageerror', (error) => this.#fail(error))
    this.#ended = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#fail(new Error(`the writer thread ended with code ${code}`))
        resolve()
      })
    })
  }

  async write({ bodies, ...batch }: Batch): Promise<Written> {
    const answer = await this.#ask({ op: 'write', batch, count: bodies.length, bodies: bodies.join('\n') })
    if (answer.op !== 'written') throw new Error('the writer thread answered something else')
    return { ...answer.written, receipts: receiptsOf(answer) }
  }

  async tree(): Promise<TreeState | undefined> {
    const answer = await this.#ask({ op: 'tree' })
    return answer.op === 'value' && typeof answer.value === 'object' ? answer.value : undefined
  }

  async rotate(first: number, ts: string): Promise<boolean> {
    const answer = await this.#ask({ op: 'rotate', first, ts })
    return answer.op === 'value' && answer.value === true
  }

  async close(): Promise<void> {
    this.#worker.ref()
    this.#send({ op: 'close' })
    await this.#ended
  }

  #ask(wish: WorkerWish): Promise<WorkerAnswer> {
    if (this.#failure) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      this.#worker.ref()
      this.#send(wish)
    })
  }

  #send(wish: WorkerWish): void {
    this.#worker.postMessage(wish)
  }

  #fail(cause: Error): void {
    this.#failure ??= cause
    while (this.#waiters.length > 0) this.#settle((waiter) => waiter.reject(cause))
  }

  #settle(how: (waiter: Waiter) => void): void {
    const waiter = this.#waiters.shift()
    if (this.#waiters.length === 0) this.#worker.unref()
    if (waiter) how(waiter)
  }
}

function receiptsOf({ seq, hashes }: { seq: number; hashes: string }): readonly Receipt[] {
  const receipts: Receipt[] = []
  for (let at = 0; at < hashes.length; at += HASH_LENGTH) {
    receipts.push({ seq: seq + receipts.length, hash: hashes.slice(at, at + HASH_LENGTH), durable: true })
  }
  return receipts
}
