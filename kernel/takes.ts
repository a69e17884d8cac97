// Keeps what one call has taken, and settles it; must never lose a take without settling it or saying so.
import type { Taker } from './contracts.js'
import { withDeadline } from './deadline.js'
import type { Json, JsonObject } from './json.js'

/** One thing that was taken. */
export interface Take {
  /** `approvals`, or the plugin id of a reserve. */
  readonly taker: string
  readonly from: Taker
  readonly token: Json
}

/** Everything that one call has taken. */
export class Takes {
  readonly #held: Take[] = []

  add(take: Take): void {
    this.#held.push(take)
  }

  get empty(): boolean {
    return this.#held.length === 0
  }

  /** Tokens by taker, for the intent record. */
  tokens(): JsonObject {
    return Object.fromEntries(this.#held.map(({ taker, token }) => [taker, token]))
  }

  /** Settles everything, each taker on its own and within `ms`. What could not be settled goes to `failed`; none rejects. */
  settle(
    ms: number,
    { callId, how, seq }: { callId: string; how: 'commit' | 'release'; seq: number | undefined },
    failed: (take: Take, cause: unknown) => void,
  ): readonly { readonly taker: string; readonly ended: Promise<void> }[] {
    return this.#held.splice(0).map((take) => ({
      taker: take.taker,
      ended: (async () => {
        try {
          await withDeadline(take.from.settle(callId, how, seq), ms)
        } catch (cause) {
          failed(take, cause)
        }
      })(),
    }))
  }
}
