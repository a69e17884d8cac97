// Holds a value so that it can be handed around without being shown; only `reveal` may give it out.
import { inspect } from 'node:util'
import { ClonedError } from 'cloned/kernel'
import type { Secret } from './slot.js'

/** A value that can be wiped, whoever still holds a secret of it. */
export interface Holder {
  readonly value: Buffer
  wiped: boolean
}

export function wipe(holder: Holder): void {
  holder.value.fill(0)
  holder.wiped = true
}

class HeldSecret implements Secret {
  readonly name: string
  readonly version: string
  // An own function: `structuredClone` throws on it, where a private field alone would be dropped without a word.
  readonly reveal: () => Buffer

  constructor(name: string, version: string, holder: Holder) {
    this.name = name
    this.version = version
    this.reveal = () => {
      // Zeros would be sent as if they were the secret.
      if (holder.wiped) throw new ClonedError('VAULT_CLOSED', {})
      return holder.value
    }
    Object.freeze(this)
  }

  toString(): string {
    return `[secret:${this.name}]`
  }

  toJSON(): string {
    return this.toString()
  }

  [Symbol.toPrimitive](): string {
    return this.toString()
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

export function makeSecret(name: string, version: string, holder: Holder): Secret {
  return new HeldSecret(name, version, holder)
}
