// Runs the handlers of due wakes, each key once at a time; never touches what other living processes have claimed.
import { ClonedError, describeThrown, type Logger, type Member, type Members } from 'cloned/kernel'
import type { Wake } from './slot.js'
import type { Claim, Wakes } from './wakes.js'

type Handler = (key: string, life: AbortSignal) => Promise<void>

/** What a dispatcher works with. */
export interface DispatcherOptions {
  readonly wakes: Wakes
  readonly members: Members
  readonly now: () => number
  readonly log: Pick<Logger, 'error'> | undefined
}

const MAX_RUNNING = 16
const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 300_000
// Longer waits are cut into pieces: a timer does not notice that the machine slept or that its clock was set.
const MAX_TIMER_MS = 30_000
const STOP_MS = 3_000

interface Note {
  readonly queue: string
  readonly key: string
  readonly due: number
}

/** Knows the wakes that this process wrote or was asked to look for. */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #handlers = new Map<string, Handler>()
  readonly #notes = new Map<string, Note>()
  // Each resolves with what the store itself threw, if it did.
  readonly #running = new Map<string, Promise<unknown>>()
  readonly #life = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #me: Member | undefined

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  /** Registers the one handler of a queue. */
  register(queue: string, handler: Handler): void {
    if (this.#handlers.has(queue)) throw new ClonedError('STORE_QUEUE_TAKEN', { queue })
    this.#handlers.set(queue, handler)
  }

  /** This process has committed wakes. */
  notice(wakes: readonly Wake[]): void {
    const now = this.#options.now()
    for (const { queue, key, at } of wakes) if (this.#handlers.has(queue)) this.#note({ queue, key, due: at ?? now })
    this.#dispatch()
  }

  /** Handles whatever is due and free, whoever wrote it, until nothing is. */
  async drain(): Promise<void> {
    const { wakes, now } = this.#options
    while (!this.#life.signal.aborted) {
      await wakes.freeDead()
      const due = await wakes.due([...this.#handlers.keys()], MAX_RUNNING)
      for (const { queue, key } of due) this.#note({ queue, key, due: now() })
      this.#dispatch()
      if (this.#running.size === 0) return
      const fault = (await Promise.all(this.#running.values())).find((error) => error !== undefined)
      if (fault !== undefined) throw fault
    }
  }

  /** Aborts `life`, waits for the handlers a little, gives back what is claimed. Legal twice. */
  async stop(): Promise<void> {
    this.#life.abort()
    clearTimeout(this.#timer)
    this.#notes.clear()
    let patience: NodeJS.Timeout | undefined
    const grace = new Promise((resolve) => {
      patience = setTimeout(resolve, STOP_MS)
    })
    await Promise.race([Promise.all(this.#running.values()), grace])
    clearTimeout(patience)
    const me = this.#me
    this.#me = undefined
    if (!me) return
    try {
      await this.#options.wakes.free(me.id)
    } finally {
      me.leave()
    }
  }

  #note(note: Note): void {
    this.#notes.set(JSON.stringify([note.queue, note.key]), note)
  }

  #dispatch(): void {
    clearTimeout(this.#timer)
    if (this.#life.signal.aborted) return
    const now = this.#options.now()
    let next = Number.POSITIVE_INFINITY
    for (const [id, note] of this.#notes) {
      if (this.#running.has(id)) continue
      if (note.due > now) next = Math.min(next, note.due)
      else if (this.#running.size < MAX_RUNNING) this.#start(id, note)
    }
    if (next === Number.POSITIVE_INFINITY) return
    this.#timer = setTimeout(() => this.#dispatch(), Math.min(next - now, MAX_TIMER_MS))
    this.#timer.unref()
  }

  #start(id: string, note: Note): void {
    this.#notes.delete(id)
    const ended = (due: number | undefined, fault?: unknown) => {
      this.#running.delete(id)
      if (due !== undefined && !this.#notes.has(id)) this.#notes.set(id, { ...note, due })
      this.#dispatch()
      return fault
    }
    const run = this.#handle(note).then(ended, (error: unknown) => {
      // The wake itself is in the table; only this attempt at it failed.
      this.#complain(note, error)
      return ended(this.#options.now() + FIRST_RETRY_MS, error)
    })
    this.#running.set(id, run)
  }

  /** Answers when to look at this key again, if ever. */
  async #handle({ queue, key }: Note): Promise<number | undefined> {
    const { wakes, members } = this.#options
    const handler = this.#handlers.get(queue)
    if (!handler) return undefined
    this.#me ??= members.enter()
    const me = this.#me.id
    const claim = await wakes.claim(queue, key, me)
    // Claimed too late: `stop` gives it back.
    if (!claim || this.#life.signal.aborted) return undefined
    try {
      await handler(key, this.#life.signal)
    } catch (error) {
      const stopped = this.#life.signal.aborted
      if (!stopped) this.#complain(claim, error)
      return wakes.failed(claim, me, stopped ? this.#options.now() : this.#retryAt(claim))
    }
    return wakes.done(claim, me)
  }

  #retryAt({ failures }: Claim): number {
    return this.#options.now() + Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures)
  }

  #complain({ queue, key }: { queue: string; key: string }, error: unknown): void {
    if (this.#life.signal.aborted) return
    this.#options.log?.error('a wake could not be handled; it stays for later', {
      queue,
      key,
      error: describeThrown(error),
    })
  }
}
