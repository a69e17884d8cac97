// Decides whether a message is from the workspace and of now, by Standard Webhooks; must look at the bytes as they came.
import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** The replay window to both sides, in seconds: an older message was recorded by somebody and sent again. */
const WINDOW_S = 300
/** ASN.1 before the 32 bytes of an Ed25519 public key (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * The `webhook-id` of a message that one of the keys has signed and that is of now; `undefined` for any other. `keys` are
 * `whpk_…` (Ed25519) and `whsec_…` (HMAC), as `cloned webhooks list` shows them and as you made them; `now` in milliseconds.
 */
export function verifiedId(
  headers: IncomingHttpHeaders,
  body: Buffer,
  keys: readonly string[],
  now: number,
): string | undefined {
  const [id = '', timestamp = '', signatures = ''] = ['id', 'timestamp', 'signature'].map((name) => {
    const value = headers[`webhook-${name}`]
    return typeof value === 'string' ? value : ''
  })
  // A dot in the id would let one text be read as two messages.
  if (!/^[\w-]{1,200}$/.test(id) || !/^\d{1,12}$/.test(timestamp)) return undefined
  if (Math.abs(now / 1000 - Number(timestamp)) > WINDOW_S) return undefined
  const content = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body])
  const given = signatures.split(' ').slice(0, 10)
  return keys.some((key) => given.some((signature) => isSignature(signature, content, key))) ? id : undefined
}

function isSignature(signature: string, content: Buffer, key: string): boolean {
  const [version, text = ''] = signature.split(',')
  const bytes = Buffer.from(text, 'base64')
  const secret = Buffer.from(key.slice(key.indexOf('_') + 1), 'base64')
  if (version === 'v1' && key.startsWith('whsec_')) {
    const expected = createHmac('sha256', secret).update(content).digest()
    return bytes.length === expected.length && timingSafeEqual(bytes, expected)
  }
  if (version !== 'v1a' || !key.startsWith('whpk_')) return false
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, secret]), format: 'der', type: 'spki' })
  return verify(null, content, publicKey, bytes)
}
