// Decides when the log is signed, and signs it; must never sign with a key that is not the log's own.
import { existsSync, readFileSync } from 'node:fs'
import { ClonedError, writeFileAtomic } from 'cloned/kernel'
import type { SigningKey } from '../keys/slot.js'
import type { SignedNote, TreeState, Written } from './batch.js'
import { formatCheckpoint } from './checkpoint.js'
import { type NoteSigner, signNote, verifierKey } from './note.js'

/** How often the log is signed; stands in its first record. */
export interface Cadence {
  readonly records: number
  readonly ms: number
}

export const CADENCE: Cadence = Object.freeze({ records: 256, ms: 1_000 })

export class Notary {
  readonly #signer: SigningKey
  readonly #vkeyPath: string
  readonly #now: () => number
  /** The last checkpoint that this process knows of. */
  #size = 0
  #at: number

  constructor(signer: SigningKey, vkeyPath: string, now: () => number) {
    this.#signer = signer
    this.#vkeyPath = vkeyPath
    this.#now = now
    this.#at = now()
  }

  /** When a signature is due after this batch; `undefined` when everything is signed. */
  due({ size, checkpointed }: Written, note?: SignedNote): 'now' | 'later' | undefined {
    if (checkpointed && note) {
      this.#size = note.size
      this.#at = this.#now()
    }
    // A checkpoint is itself a record: a log that ends in one needs no other.
    if (size === this.#size + 1) return undefined
    return size - this.#size > CADENCE.records || this.#now() - this.#at >= CADENCE.ms ? 'now' : 'later'
  }

  /** Signs the log as it was at this size. Throws `AUDIT_KEY_CHANGED` when the key is not the one the log names. */
  sign({ origin = '', size, root }: TreeState, publish = false): SignedNote {
    this.#check(origin)
    const text = formatCheckpoint({ origin, size, root: Buffer.from(root, 'hex') })
    return { size, note: signNote(text, named(origin, this.#signer)), publish }
  }

  #check(origin: string): void {
    const own = verifierKey(origin, this.#signer.publicKey)
    if (!existsSync(this.#vkeyPath)) writeFileAtomic(this.#vkeyPath, `${own}\n`)
    // Read each time: another process may have changed the key meanwhile.
    const named = readFileSync(this.#vkeyPath, 'utf8').trimEnd().split('\n').at(-1) ?? ''
    if (named !== own) throw new ClonedError('AUDIT_KEY_CHANGED', { path: this.#vkeyPath, kid: this.#signer.kid })
  }
}

/** A key under the name that its signatures carry. */
export function named(name: string, key: SigningKey): NoteSigner {
  return { name, publicKey: key.publicKey, sign: (text) => key.sign(text) }
}
