// Turns keys into their one name and back; must never let in a key under which a signature fits every text.
import type { KeyObject } from 'node:crypto'
import { ClonedError, publicKeyOf, rawPublicKey, thumbprintOf, unsoundKey } from 'cloned/kernel'

/** An Ed25519 public key (RFC 8037). */
export interface Jwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  /** The 32 bytes, base64url. */
  readonly x: string
}

export function jwkOf(key: KeyObject): Jwk {
  return { kty: 'OKP', crv: 'Ed25519', x: rawPublicKey(key).toString('base64url') }
}

/** The key of a trust document. Throws `KEY_UNSOUND` for a weak or misnamed one. */
export function importKey(kid: string, jwk: Jwk): KeyObject {
  const unsound = (problem: string) => new ClonedError('KEY_UNSOUND', { kid, problem })
  const raw = Buffer.from(jwk.x, 'base64url')
  if (raw.toString('base64url') !== jwk.x) throw unsound('is not spelt in the one way base64url has')
  const problem = unsoundKey(raw)
  if (problem !== undefined) throw unsound(problem)
  const key = publicKeyOf(raw)
  if (thumbprintOf(key) !== kid) throw unsound('is not the key that its kid names')
  return key
}
