// Names the service that holds the keys of a workspace; interface and token only.
import type { KeyObject } from 'node:crypto'
import { slot } from 'cloned/kernel'

/** An Ed25519 key that signs. The private half cannot be had. */
export interface SigningKey {
  /** First 16 hex digits of SHA-256 of the raw public key. */
  readonly kid: string
  readonly publicKey: KeyObject
  sign(data: Buffer): Buffer
}

/** An HMAC-SHA-256 key. Its bytes cannot be had. */
export interface MacKey {
  /** 16 hex digits, random. */
  readonly kid: string
  /** The tag as 64 lower-case hex digits. A string is taken as UTF-8. */
  mac(data: string | Buffer): string
}

/** What a purpose has one key series of each. */
export type KeyKind = 'signer' | 'mac'

/**
 * The keys of one workspace, by purpose (`audit`, `vault`: lower-case letters, digits and `-`, at most 32). The first use
 * makes a key, once for all processes; the newest is the current one and older ones stay for verification.
 * Every method works from the owner's `onStart` on. Every method throws `KEY_MISSING` when the workspace has used a key
 * of this purpose that is not here any more: a new one in its place would make what was signed unverifiable. They throw
 * `FILE_UNSAFE` for key files that are links, belong to others or are open to others, and `FILE_INVALID` for damaged ones.
 */
export interface Keys {
  /** The current signing key; the same object until it is rotated in this process. */
  signer(purpose: string): Promise<SigningKey>
  /** The current MAC key; the same object until it is rotated in this process. */
  mac(purpose: string): Promise<MacKey>
  /** Makes a new current key and answers its kid. Other processes take it up when they start. */
  rotate(purpose: string, kind: KeyKind): Promise<string>
  /** Any signing key this purpose ever had here; `undefined` when it had none of that kid. */
  signingKey(purpose: string, kid: string): Promise<SigningKey | undefined>
  /** The public key of any signing key this purpose ever had here, for verification; `undefined` when it had none. */
  publicKey(purpose: string, kid: string): Promise<KeyObject | undefined>
  /** Any MAC key this purpose ever had here; `undefined` when it had none of that kid. */
  macKey(purpose: string, kid: string): Promise<MacKey | undefined>
}

export const keysSlot = slot<Keys>('cloned.keys', { contract: 1 })
