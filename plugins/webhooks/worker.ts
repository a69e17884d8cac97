// Has due messages delivered, a few receivers at a time; one that does not answer must never keep the others waiting.
import { setTimeout as pause } from 'node:timers/promises'
import { describeThrown, type Gate, type Logger } from 'cloned/kernel'
import { webhookDeliver } from './kinds.js'
import { KEY, type Queue } from './queue.js'
import type { StoredWebhook } from './tables.js'

export interface WorkerParts {
  readonly queue: Pick<Queue, 'due' | 'nextAt' | 'hold' | 'wake' | 'fill' | 'webhooks'>
  readonly gate: Pick<Gate, 'act'>
  readonly log: Pick<Logger, 'error'>
}

/** Receivers at a time. */
const WIDTH = 8
const LOOK_MS = 50
/** How often a process that lives on looks for what others have left. */
const TICK_MS = 250

export class Worker {
  readonly #parts: WorkerParts
  #timer: NodeJS.Timeout | undefined
  #ticking: Promise<void> | undefined
  #stopped = false

  constructor(parts: WorkerParts) {
    this.#parts = parts
  }

  /** Handles the wake: resolves when nothing is due any more, and leaves a wake for what is due later. */
  async handle(key: string, life: AbortSignal): Promise<void> {
    if (key !== KEY) return
    const { queue } = this.#parts
    const active = new Map<string, Promise<void>>()
    for (;;) {
      life.throwIfAborted()
      for (const webhook of await queue.due()) {
        if (active.has(webhook.id) || active.size >= WIDTH) continue
        const done = () => void active.delete(webhook.id)
        active.set(webhook.id, this.#deliver(webhook, life).then(done, done))
      }
      if (active.size === 0) break
      // Others may become due while one takes its time.
      await Promise.race([...active.values(), pause(LOOK_MS, undefined, { ref: false })])
    }
    const next = await queue.nextAt()
    if (next !== undefined) await queue.wake(next)
  }

  /** From now on looks for what other processes have said or left. */
  start(): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#ticking = this.#tick()
    }, TICK_MS)
    this.#timer.unref()
  }

  /**
   * Stops looking, makes messages of what there is, and waits a little for their delivery: without this a workspace that
   * only ever sees short commands would deliver nothing. What is left waits for the next process.
   */
  async stop(patienceMs: number): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#ticking
    const { queue } = this.#parts
    await queue.fill()
    const until = performance.now() + patienceMs
    while (performance.now() < until && (await queue.due()).length > 0) await pause(LOOK_MS)
  }

  /** Looks no more, whatever waits. Legal twice. */
  end(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  async #tick(): Promise<void> {
    const { queue, log } = this.#parts
    try {
      await queue.fill()
      if ((await queue.due()).length > 0) await queue.wake()
    } catch (error) {
      log.error('webhooks could not be looked after; it is tried again', { cause: describeThrown(error) })
    }
    this.start()
  }

  async #deliver(webhook: StoredWebhook, signal: AbortSignal): Promise<void> {
    const { gate, queue, log } = this.#parts
    const { name, id } = webhook
    const outcome = await gate.act(webhookDeliver, { target: name, input: { name, id } }, { signal })
    if (outcome.status === 'done' || signal.aborted) return
    const problem = 'reason' in outcome && outcome.reason ? outcome.reason : `a delivery is ${outcome.status}`
    log.error('a delivery was not let through', { webhook: name, cause: problem })
    await queue.hold(webhook, problem)
  }
}
