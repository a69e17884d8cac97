// Remembers takes that could not be settled and tries again; must never report a clean end while one is left.
import { withDeadline } from './deadline.js'
import { describeThrown } from './errors.js'
import type { Logger } from './plugin.js'
import type { Take } from './takes.js'

interface Owed {
  readonly take: Take
  readonly callId: string
  readonly how: 'commit' | 'release'
  readonly seq: number | undefined
}

export class Settlements {
  readonly #log: Logger
  #owed: Owed[] = []
  /** Calls whose records could not be written: only recovery can settle them. */
  #lost = 0

  constructor(log: Logger) {
    this.#log = log
  }

  /** A take was not settled. It stays taken until a retry or a recovery settles it. */
  owe(take: Take, call: { callId: string; how: 'commit' | 'release'; seq: number | undefined }, cause: unknown): void {
    this.#owed.push({ take, ...call })
    this.#log.error('a take could not be settled', {
      taker: take.taker,
      call: call.callId,
      cause: describeThrown(cause),
    })
  }

  /** Something about a call could not be recorded. */
  lose(callId: string, cause: unknown): void {
    this.#lost++
    this.#log.error('a record could not be written', { call: callId, cause: describeThrown(cause) })
  }

  /** Tries everything once more, each within `ms`; answers whether nothing is left. */
  async retry(ms: number): Promise<boolean> {
    const owed = this.#owed
    this.#owed = []
    await Promise.all(
      owed.map(async ({ take, callId, how, seq }) => {
        try {
          await withDeadline(take.from.settle(callId, how, seq), ms)
        } catch (cause) {
          this.owe(take, { callId, how, seq }, cause)
        }
      }),
    )
    return this.#owed.length === 0 && this.#lost === 0
  }
}
