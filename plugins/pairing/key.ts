// Reads the public key of a device; one that is unsound, or spelt in another way than the one there is, is no key.
import type { KeyObject } from 'node:crypto'
import { publicKeyOf, thumbprintOf, unsoundKey } from 'cloned/kernel'

export interface DeviceKey {
  readonly key: KeyObject
  /** RFC 7638. */
  readonly thumbprint: string
}

/** Of the 32 bytes of an Ed25519 public key, base64url: `x` of its JWK. `undefined` for any other text. */
export function deviceKey(x: string): DeviceKey | undefined {
  const raw = Buffer.from(x, 'base64url')
  if (raw.toString('base64url') !== x || unsoundKey(raw) !== undefined) return undefined
  const key = publicKeyOf(raw)
  return { key, thumbprint: thumbprintOf(key) }
}
