// Knows who answers during which call; one call has one client, and a call without one has none.
import type { RelayOptions } from './slot.js'

type Attending = Pick<RelayOptions, 'answer' | 'client' | 'onProgress'>

export class Attendance {
  readonly #calls = new Map<string, Attending>()

  attend(callId: string, options: Attending): () => void {
    this.#calls.set(callId, options)
    return () => {
      if (this.#calls.get(callId) === options) this.#calls.delete(callId)
    }
  }

  of(callId: string): Attending {
    return this.#calls.get(callId) ?? {}
  }
}
