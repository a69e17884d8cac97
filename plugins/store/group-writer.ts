// Commits the batches of one moment together; never acknowledges one before the commit, nor lets one fail another.
import { ClonedError } from 'cloned/kernel'
import { isBusy, isFileFault, storeFault } from './faults.js'
import type { Session } from './session.js'

/** What a group writer works on. */
export interface GroupWriterOptions {
  /** The open session, opened again when the last one was given up. */
  readonly session: () => Session
  /** The session is not to be trusted any more: its last transaction failed as a whole. */
  readonly giveUp: () => void
  /** How long a batch waits for the locks of other processes, milliseconds. */
  readonly busyMs: number
}

interface Job {
  readonly run: (session: Session) => unknown
  readonly durable: boolean
  readonly since: number
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

// One group blocks the thread from begin to commit; this many small batches take a few milliseconds.
const MAX_GROUP = 512

/** Runs jobs in groups: one transaction and one sync for all that were submitted since the last one. */
export class GroupWriter {
  readonly #options: GroupWriterOptions
  readonly #queue: Job[] = []
  #scheduled = false
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: GroupWriterOptions) {
    this.#options = options
  }

  /** Runs `run` inside a transaction of its own, as far as it can see. Resolves with its answer after the commit. */
  submit<T>(run: (session: Session) => T, durable: boolean): Promise<T> {
    const { promise, resolve, reject } = withResolvers<T>()
    this.#queue.push({ run, durable, since: performance.now(), resolve: resolve as (value: unknown) => void, reject })
    this.#last = promise.then(noop, noop)
    this.#schedule()
    return promise
  }

  /** Resolves when everything submitted so far has ended. */
  async idle(): Promise<void> {
    await this.#last
  }

  #schedule(ms?: number): void {
    if (this.#scheduled) return
    this.#scheduled = true
    const flush = () => {
      this.#scheduled = false
      this.#flush()
    }
    if (ms === undefined) setImmediate(flush)
    else setTimeout(flush, ms)
  }

  #flush(): void {
    const size = Math.min(this.#queue.length, MAX_GROUP)
    let session: Session
    try {
      session = this.#options.session()
      session.synchronous(this.#queue.slice(0, size).some((job) => job.durable) ? 'full' : 'normal')
      session.connections.writer.exec('begin immediate')
    } catch (error) {
      if (isBusy(error)) this.#wait()
      else this.#fail(this.#queue.splice(0), error)
      return
    }
    const group = this.#queue.splice(0, size)
    try {
      const endings = group.length === 1 ? group.map((job) => alone(session, job)) : together(session, group)
      for (const ending of endings) ending()
    } catch (error) {
      this.#fail(group, error)
    }
    if (this.#queue.length > 0) this.#schedule()
  }

  // SQLite's own wait blocks the thread, so it is short, and the rest of the waiting happens here.
  #wait(): void {
    const { busyMs } = this.#options
    const until = performance.now() - busyMs
    while (this.#queue[0] && this.#queue[0].since < until) {
      this.#queue.shift()?.reject(new ClonedError('STORE_BUSY', { ms: busyMs }))
    }
    if (this.#queue.length > 0) this.#schedule(1 + Math.random() * 4)
  }

  // After a failed sync the page cache may show what the device does not hold, so the file is opened and read anew.
  #fail(jobs: readonly Job[], error: unknown): void {
    this.#options.giveUp()
    for (const job of jobs) job.reject(error instanceof ClonedError ? error : storeFault(error))
  }
}

/** Runs one job as the whole transaction. Answers how to end its promise; throws when the file is not to be trusted. */
function alone(session: Session, job: Job): () => void {
  const { writer } = session.connections
  let value: unknown
  try {
    value = job.run(session)
  } catch (error) {
    if (isFileFault(error)) throw error
    writer.exec('rollback')
    return () => job.reject(error)
  }
  writer.exec('commit')
  return () => job.resolve(value)
}

/** Runs jobs in one transaction that all of them share. */
function together(session: Session, group: readonly Job[]): readonly (() => void)[] {
  const endings = group.map((job) => attempt(session, job))
  session.connections.writer.exec('commit')
  return endings
}

/** Runs one job between savepoints. Answers how to end its promise; throws when the whole transaction is lost. */
function attempt(session: Session, job: Job): () => void {
  const { writer } = session.connections
  writer.exec('savepoint batch')
  let ending: () => void
  try {
    const value = job.run(session)
    ending = () => job.resolve(value)
  } catch (error) {
    if (isFileFault(error)) throw error
    writer.exec('rollback to batch')
    ending = () => job.reject(error)
  }
  writer.exec('release batch')
  return ending
}

// Promise.withResolvers needs Node 22.
function withResolvers<T>() {
  let resolve: (value: T) => void = noop
  let reject: (error: unknown) => void = noop
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

function noop(): void {}
