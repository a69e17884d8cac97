// Gathers records into batches that share one sync; must never resolve out of order or after a failure.
import { ClonedError, describeThrown, type Receipt } from 'cloned/kernel'
import type { Transport } from './transport.js'

// Bounds how long other processes wait for the lock and how much memory a batch takes (64 MiB at 64 KiB a line).
const MAX_BATCH = 1_024

interface Waiting {
  readonly body: string
  resolve(receipt: Receipt): void
  reject(error: ClonedError): void
}

export interface GroupCommitOptions {
  /** Path of the log, for error texts. */
  readonly path: string
  /** Called once, by the first record. */
  readonly open: () => Promise<Transport>
  readonly now: () => number
}

/** The queue before the writer. One batch is under way at a time; what arrives meanwhile is the next one. */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  #waiting: Waiting[] = []
  #transport: Transport | undefined
  #running: Promise<void> | undefined
  #refusal: ClonedError | undefined

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  /** Why nothing more is accepted; `undefined` while the log is sound. */
  get refusal(): ClonedError | undefined {
    return this.#refusal
  }

  push(body: string): Promise<Receipt> {
    if (this.#refusal) return Promise.reject(this.#refusal)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ body, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Waits for every record that was accepted, then ends the writer. */
  async close(): Promise<void> {
    this.#refusal ??= new ClonedError('AUDIT_CLOSED', {})
    await this.#running
    const transport = this.#transport
    this.#transport = undefined
    await transport?.close()
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      // One turn of the event loop, so that everybody who was just answered can join the next batch.
      await new Promise(setImmediate)
      const batch = this.#waiting.splice(0, MAX_BATCH)
      try {
        const receipts = await this.#write(batch.map(({ body }) => body))
        for (const [i, receipt] of receipts.entries()) batch[i]?.resolve(receipt)
      } catch (error) {
        this.#poison(error, batch)
      }
    }
    this.#running = undefined
  }

  async #write(bodies: readonly string[]): Promise<readonly Receipt[]> {
    const { open, now } = this.#options
    this.#transport ??= await open()
    const receipts = await this.#transport.write({ ts: new Date(now()).toISOString(), bodies })
    if (receipts.length !== bodies.length)
      throw new Error(`the writer answered for ${receipts.length} of ${bodies.length}`)
    return receipts
  }

  #poison(error: unknown, batch: readonly Waiting[]): void {
    const { path } = this.#options
    const refusal = new ClonedError('AUDIT_POISONED', { path, cause: describeThrown(error) }, { cause: error })
    this.#refusal = refusal
    for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(refusal)
  }
}
