// Decides which Ed25519 keys and signatures are sound; must never pass a key under which one signature fits all texts.
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { sha256 } from './json.js'

const P = 2n ** 255n - 19n
const L = 2n ** 252n + 27742317777372353535851937790883648493n
// The y coordinates of the eight points of small order; Node before 24 takes such a key, and then any text verifies.
const ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022n
const SMALL_ORDER: ReadonlySet<bigint> = new Set([0n, 1n, P - 1n, ORDER_8, P - ORDER_8])

/** Why these 32 bytes are not a public key to trust; `undefined` when they are. */
export function unsoundKey(raw: Buffer): string | undefined {
  return raw.length === 32 ? unsoundPoint(raw) : `is ${raw.length} bytes long instead of 32`
}

/** Checks a signature strictly: sound key, canonical signature, then the equation. */
export function verifyStrictly(text: Buffer, publicKey: KeyObject, signature: Buffer): boolean {
  if (signature.length !== 64 || littleEndian(signature.subarray(32)) >= L) return false
  if (unsoundPoint(signature.subarray(0, 32)) !== undefined || unsoundKey(rawPublicKey(publicKey))) return false
  return verify(null, text, publicKey, signature)
}

/** The 32 bytes of an Ed25519 public key. Throws a `TypeError` for another kind of key. */
export function rawPublicKey(key: KeyObject): Buffer {
  const { crv, x } = key.asymmetricKeyType === 'ed25519' ? key.export({ format: 'jwk' }) : {}
  if (crv !== 'Ed25519' || x === undefined) throw new TypeError('not an Ed25519 public key')
  return Buffer.from(x, 'base64url')
}

/** The id of a key in the key store: the first 16 hex digits of SHA-256 of its 32 bytes. */
export function kidOf(key: KeyObject): string {
  return sha256(rawPublicKey(key)).slice(0, 16)
}

/** The RFC 7638 thumbprint of an Ed25519 public key, base64url. Throws as {@link rawPublicKey} does. */
export function thumbprintOf(key: KeyObject): string {
  // The required members, in the order of their names.
  const members = { crv: 'Ed25519', kty: 'OKP', x: rawPublicKey(key).toString('base64url') }
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}

/** The key of 32 bytes that {@link unsoundKey} has nothing against. */
export function publicKeyOf(raw: Buffer): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })
}

function unsoundPoint(encoded: Buffer): string | undefined {
  const y = littleEndian(encoded) & (2n ** 255n - 1n)
  if (y >= P) return 'is not in canonical form'
  // Covers the sign bit of x = 0 as well: y is 1 or -1 then, and both are of small order.
  return SMALL_ORDER.has(y) ? 'is a point of small order' : undefined
}

function littleEndian(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}
