// Carries batches to a writer, in a worker thread or on this one; must never answer for a writer that died.
import { Worker } from 'node:worker_threads'
import type { Receipt } from 'cloned/kernel'
import { type Batch, LogWriter } from './log-writer.js'
import type { AuditPaths } from './paths.js'

/** A way to a writer. At most one `write` at a time. */
export interface Transport {
  /** Rejects with the cause when the batch did not become durable; every later one then rejects too. */
  write(batch: Batch): Promise<readonly Receipt[]>
  close(): Promise<void>
}

/** What the worker thread is started with. */
export interface WorkerStart {
  readonly paths: AuditPaths
}

/** A batch on its way to the thread. One string instead of many: copying between threads costs by the object. */
export interface WorkerBatch {
  readonly ts: string
  /** Bodies, with a line feed between them, which JSON texts never hold. */
  readonly bodies: string
}

/** What the thread answers: the sequence number of the first record, and all hashes one after the other. */
export type WorkerAnswer = { readonly seq: number; readonly hashes: string } | { readonly failure: string }

const HASH_LENGTH = 64

/** Writes on the calling thread: simple, and every sync blocks it. */
export function newInlineTransport(paths: AuditPaths): Transport {
  const writer = new LogWriter({ paths })
  return {
    write: async (batch) => writer.write(batch),
    close: async () => writer.close(),
  }
}

/** Writes in a thread of its own: syncs then wait for the disk alone, not for whatever fills Node's thread pool. */
export function newWorkerTransport(paths: AuditPaths): Transport {
  const start: WorkerStart = { paths }
  // Without its own list a thread takes the process's flags, and some (--input-type) keep it from starting.
  return new WorkerTransport(new Worker(new URL('./worker.js', import.meta.url), { workerData: start, execArgv: [] }))
}

interface Waiter {
  resolve(receipts: readonly Receipt[]): void
  reject(cause: Error): void
}

class WorkerTransport implements Transport {
  readonly #worker: Worker
  readonly #ended: Promise<void>
  #waiter: Waiter | undefined
  #failure: Error | undefined

  constructor(worker: Worker) {
    this.#worker = worker
    // An idle writer must not keep the process alive; one with a batch in hand must.
    worker.unref()
    worker.on('message', (answer: WorkerAnswer) => {
      if ('failure' in answer) this.#fail(new Error(answer.failure))
      else this.#settle((waiter) => waiter.resolve(receiptsOf(answer)))
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

  write(batch: Batch): Promise<readonly Receipt[]> {
    if (this.#failure) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
      this.#worker.ref()
      const message: WorkerBatch = { ts: batch.ts, bodies: batch.bodies.join('\n') }
      this.#worker.postMessage(message)
    })
  }

  async close(): Promise<void> {
    this.#worker.ref()
    this.#worker.postMessage('close')
    await this.#ended
  }

  #fail(cause: Error): void {
    this.#failure ??= cause
    this.#settle((waiter) => waiter.reject(cause))
  }

  #settle(how: (waiter: Waiter) => void): void {
    const waiter = this.#waiter
    this.#waiter = undefined
    this.#worker.unref()
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
