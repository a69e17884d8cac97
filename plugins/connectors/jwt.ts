// Signs JSON Web Tokens with a key of the vault; the key must never be in a message.
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import type { JsonObject } from 'cloned/kernel'
import { Refusal } from './channel.js'

const LONGEST_S = 3600
const ALGORITHMS: Readonly<Record<string, { type: string; hash: string | null }>> = {
  RS256: { type: 'rsa', hash: 'sha256' },
  ES256: { type: 'ec', hash: 'sha256' },
  EdDSA: { type: 'ed25519', hash: null },
}

/**
 * A token signed with a private key (PEM). `options`: `algorithm`, `claims`, `kid`, `lifetime_s` (600, at most an hour).
 * `iat` is a minute back, for hosts whose clock is slow. Throws a {@link Refusal}.
 */
export function signedToken(pem: Buffer, options: JsonObject, now: number): string {
  const { algorithm, claims, kid, lifetime_s: lifetime = 600 } = options
  const known = ALGORITHMS[String(algorithm)]
  if (!known) throw refused(`the algorithm ${String(algorithm)} is not one of ${Object.keys(ALGORITHMS).join(', ')}`)
  if (typeof lifetime !== 'number' || lifetime < 1 || lifetime > LONGEST_S)
    throw refused('its lifetime is out of bounds')
  const key = keyOf(pem)
  if (key.asymmetricKeyType !== known.type) throw refused(`the key is not for ${String(algorithm)}`)
  const seconds = Math.floor(now / 1000)
  const payload = { ...(claims as JsonObject | undefined), iat: seconds - 60, exp: seconds + lifetime }
  const header = { alg: algorithm, typ: 'JWT', ...(kid === undefined ? {} : { kid }) }
  const signed = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const signature = sign(known.hash, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${signature.toString('base64url')}`
}

function keyOf(pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    // What the parser says of a damaged key may quote it.
    throw refused('the secret is not a private key in PEM')
  }
}

function refused(problem: string): Refusal {
  return new Refusal(`no token can be signed: ${problem}`, { code: 'CONNECTOR_AUTH', effect: 'none' })
}
