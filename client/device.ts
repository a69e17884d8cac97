// Proves a paired device: an Ed25519 key of its own and DPoP proofs by it (RFC 9449); the private key never leaves WebCrypto.
import { base64url } from './base64url.js'

/** The key of a device. Keep it in IndexedDB, or in a file of your user alone. */
export interface DeviceKey {
  readonly privateKey: CryptoKey
  /** To present when pairing. */
  readonly publicJwk: { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }
}

type CryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** A new key; `extractable` only where it has to be written to a file. */
export async function createDeviceKey({ extractable = false } = {}): Promise<DeviceKey> {
  const pair = (await crypto.subtle.generateKey({ name: 'Ed25519' }, extractable, ['sign', 'verify'])) as {
    privateKey: CryptoKey
    publicKey: CryptoKey
  }
  const { x = '' } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  return { privateKey: pair.privateKey, publicJwk: { kty: 'OKP', crv: 'Ed25519', x } }
}

/** Sets `Authorization` and the DPoP proof that goes with it: by this key, for this method and URL, once. */
export async function prove(key: DeviceKey, request: Request, authorization: string): Promise<Request> {
  const { origin, pathname } = new URL(request.url)
  const credentials = authorization.slice(authorization.indexOf(' ') + 1)
  const claims = {
    jti: crypto.randomUUID(),
    htm: request.method,
    htu: `${origin}${pathname}`,
    iat: Math.floor(Date.now() / 1000),
    ath: base64url(await sha256(credentials)),
  }
  const head = { typ: 'dpop+jwt', alg: 'EdDSA', jwk: key.publicJwk }
  const signed = [head, claims].map((part) => base64url(bytes(JSON.stringify(part)))).join('.')
  const signature = await crypto.subtle.sign('Ed25519', key.privateKey, bytes(signed))
  request.headers.set('authorization', authorization)
  request.headers.set('dpop', `${signed}.${base64url(signature)}`)
  return request
}

/** Crockford's. */
const SYMBOLS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** What the screen of the device shows while a person decides: eight symbols over its key and the id that it was given. */
export async function comparisonCode({ publicJwk: { crv, kty, x } }: DeviceKey, id: string): Promise<string> {
  // RFC 7638: the required members, in the order of their names.
  const thumbprint = base64url(await sha256(JSON.stringify({ crv, kty, x })))
  const hash = new Uint8Array(await sha256(`cloned.pairing.v1\n${thumbprint}\n${id}`))
  const symbols = Array.from(hash.subarray(0, 8), (byte) => SYMBOLS[byte % 32]).join('')
  return `${symbols.slice(0, 4)}-${symbols.slice(4)}`
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', bytes(text))
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}
