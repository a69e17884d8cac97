// Decides whether a DPoP proof (RFC 9449) holds for one request; the key in it proves itself and nobody's right to anything.
import { createHash } from 'node:crypto'
import type { AuthenticationRequest } from '../api/slot.js'
import { type DeviceKey, deviceKey } from './key.js'
import { Memo } from './memo.js'

/** A proof that holds. */
export interface Proof {
  /** RFC 7638 thumbprint of the key that signed it. */
  readonly thumbprint: string
  /** Says which proof it is, under its key; one that was used must be refused until `until`. */
  readonly jti: string
  /** Milliseconds since 1970 when it has lapsed by itself. */
  readonly until: number
}

/** How far the clocks of a device and of the server may be apart, in seconds, either way. */
export const WINDOW_S = 60

const MAX_LENGTH = 4096
const JTI = /^[\x21-\x7e]{8,256}$/

/** A device sends its key with every request; bringing one into shape costs as much as the signature. */
const known = new Memo<DeviceKey>(1_000)

/** Refuses a key on the way through the verification. */
class UnusableKey extends Error {}

/**
 * The proof in the `DPoP` header, when it was made for this method and URL, goes with what follows the scheme in
 * `Authorization` (`ath`), and is of now. `undefined` otherwise. Whether it was used before is not asked here.
 */
export async function verifyProof(
  { method, url, headers, credentials }: AuthenticationRequest,
  now: number,
): Promise<Proof | undefined> {
  const proof = headers['dpop']
  if (typeof proof !== 'string' || proof.length > MAX_LENGTH) return undefined
  const { jwtVerify } = await import('jose')
  const claims = await unlessRefused(() =>
    jwtVerify(proof, ({ jwk }) => proofKey(jwk).key, {
      algorithms: ['EdDSA', 'Ed25519'],
      typ: 'dpop+jwt',
      currentDate: new Date(now),
    }),
  )
  if (!claims) return undefined
  const { payload, protectedHeader } = claims
  const { jti, htm, htu, iat, ath } = payload
  const { origin, pathname } = new URL(url)
  const holds =
    htm === method &&
    hrefOf(htu) === `${origin}${pathname}` &&
    ath === createHash('sha256').update(credentials).digest('base64url') &&
    typeof jti === 'string' &&
    JTI.test(jti) &&
    typeof iat === 'number' &&
    Math.abs(Math.floor(now / 1000) - iat) <= WINDOW_S
  if (!holds) return undefined
  return { thumbprint: proofKey(protectedHeader.jwk).thumbprint, jti, until: (iat + WINDOW_S + 1) * 1000 }
}

function proofKey(jwk: object | undefined): DeviceKey {
  const { kty, crv, x, d } = (jwk ?? {}) as Record<string, unknown>
  if (kty !== 'OKP' || crv !== 'Ed25519' || typeof x !== 'string') throw new UnusableKey('not an Ed25519 key')
  // Whoever sends a private key has lost it.
  if (d !== undefined) throw new UnusableKey('a private key')
  const before = known.get(x)
  if (before) return before
  const key = deviceKey(x)
  if (!key) throw new UnusableKey('no key')
  return known.set(x, key)
}

/** One spelling, so that a query or a fragment makes another URL. */
function hrefOf(htu: unknown): string | undefined {
  return typeof htu === 'string' && URL.canParse(htu) ? new URL(htu).href : undefined
}

/** `undefined` for what a client got wrong: it is told nothing but 401. Anything else is ours, and thrown. */
export async function unlessRefused<T>(work: () => Promise<T>): Promise<T | undefined> {
  const { errors } = await import('jose')
  try {
    return await work()
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof UnusableKey) return undefined
    throw error
  }
}
