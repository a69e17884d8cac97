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

/** What the worker thread answers. */
export type WorkerAnswer = { readonly receipts: readonly Receipt[] } | { readonly failure: string }

/** Writes on the calling thread: simple, and every sync blocks it. */
export function inlineTransport(writer: LogWriter): Transport {
  return {
    write: async (batch) => writer.write(batch),
    close: async () => writer.close(),
  }
}

export function newInlineTransport(paths: AuditPaths): Transport {
  return inlineTransport(new LogWriter({ paths }))
}

/** Writes in a thread of its own: syncs then wait for the disk alone, not for whatever fills Node's thread pool. */
export function newWorkerTransport(paths: AuditPaths): Transport {
  const start: WorkerStart = { paths }
  return new WorkerTransport(new Worker(new URL('./worker.js', import.meta.url), { workerData: start }))
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
      else this.#settle((waiter) => waiter.resolve(answer.receipts))
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
      this.#worker.postMessage(batch)
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
