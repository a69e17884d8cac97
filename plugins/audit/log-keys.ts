// Holds the keys that sign the log and key its tokens; without them nothing is signed and no token is made.
import type { MacKey, SigningKey } from '../keys/slot.js'

/** The keys of a log. */
export interface LogKeys {
  readonly signer: SigningKey
  readonly mac: MacKey
}

/** Keys that are asked for when they are needed, and again after a failure. */
export class KeyRing {
  readonly #load: () => Promise<LogKeys>
  #keys: LogKeys | undefined
  #failure: unknown = new Error('the keys were not asked for yet')

  constructor(load: () => Promise<LogKeys>) {
    this.#load = load
  }

  /** Rejects with the cause when they are not to be had. */
  async load(): Promise<LogKeys> {
    if (this.#keys) return this.#keys
    try {
      this.#keys = await this.#load()
      return this.#keys
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  /** The keys, once loaded. Throws the cause when they are not. */
  get(): LogKeys {
    if (this.#keys) return this.#keys
    throw this.#failure
  }

  /** Has the keys loaded anew: they were rotated. */
  forget(): void {
    this.#keys = undefined
  }
}

/** `hmac-sha256:<kid>:<hex>` over the field and the canonical text of its value. */
export function tokenOf({ kid, mac }: MacKey, field: string, canonical: string): string {
  return `hmac-sha256:${kid}:${mac(`cloned.audit.v1\0${field}\0${canonical}`)}`
}
