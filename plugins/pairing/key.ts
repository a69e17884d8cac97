// Reads the public key of a device; one that is unsound, or spelt in another way than the one there is, is no key.
import { createHash, type KeyObject } from 'node:crypto'
import { publicKeyOf, unsoundKey } from 'cloned/kernel'

export interface DeviceKey {
  readonly key: KeyObject
  /** RFC 7638. */
  readonly thumbprint: string
}

/** Of the 32 bytes of an Ed25519 public key, base64url: `x` of its JWK. `undefined` for any other text. */
export function deviceKey(x: string): DeviceKey | undefined {
  const raw = Buffer.from(x, 'base64url')
  if (raw.toString('base64url') !== x || unsoundKey(raw) !== undefined) return undefined
  // RFC 7638: the required members, in the order of their names.
  const members = JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x })
  return { key: publicKeyOf(raw), thumbprint: createHash('sha256').update(members).digest('base64url') }
}
