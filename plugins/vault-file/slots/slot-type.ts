// Describes a type of key slot; each type knows one way to wrap the data key, and none of them keeps it.
import type { JsonObject } from 'cloned/kernel'
import type { Keys } from '../../keys/slot.js'
import type { StoredSlot } from '../document.js'

/** What is at hand to open a slot. */
export interface SlotTools {
  readonly vaultId: string
  readonly keys: Pick<Keys, 'mac' | 'macKey'>
  /** Without it no passphrase slot opens. The caller must not change it. */
  readonly passphrase: () => Buffer | undefined
  /** An age identity, `AGE-SECRET-KEY-…`. */
  readonly identity: () => string | undefined
  /** The keychain of the operating system; throws where there is none. */
  readonly keychain: () => Promise<Keychain>
}

/** The part of `@napi-rs/keyring` that is used. */
export interface Keychain {
  readonly AsyncEntry: new (
    service: string,
    username: string,
    options?: { linux?: { store?: 'secret-service' } },
  ) => {
    setSecret(secret: Uint8Array): Promise<void>
    getSecret(): Promise<ArrayLike<number> | null>
    deleteCredential(): Promise<boolean>
  }
}

/** A wrapped data key: everything of a stored slot but its id and type. */
export type Wrapped = Pick<StoredSlot, 'params' | 'iv' | 'wrapped_dek' | 'tag'>

export interface SlotType {
  readonly type: StoredSlot['type']
  /** Whether {@link wrap} takes a passphrase. */
  readonly secret: boolean
  wrap(
    dek: Buffer,
    about: { readonly id: string; readonly secret?: Buffer; readonly recipient?: string },
    tools: SlotTools,
  ): Promise<Wrapped>
  /** Throws, with a reason that holds no secret, when it does not open here. */
  unwrap(slot: StoredSlot, tools: SlotTools): Promise<Buffer>
  /** One line for people. */
  detail(params: JsonObject): string
}
