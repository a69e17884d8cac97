// Signs messages by Standard Webhooks; a private key is made of the workspace's own and is never written anywhere.
import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { ClonedError, rawPublicKey } from 'cloned/kernel'
import type { Keys, MacKey } from '../keys/slot.js'

/** Keys of this purpose are what the private keys are made of. */
const PURPOSE = 'webhooks'
const CONTEXT = 'cloned.webhooks.v1'
/** ASN.1 before the 32 bytes of an Ed25519 private key (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SECRET = /^whsec_([A-Za-z0-9+/]{32,88}={0,2})$/

/** One webhook and the key that its own is made of. */
export interface KeyOf {
  readonly id: string
  readonly kid: string
}

/** The current key. */
export async function kidInUse(keys: Pick<Keys, 'mac'>): Promise<string> {
  return (await keys.mac(PURPOSE)).kid
}

/** One key for each webhook: what was signed for one receiver is nothing to another. Throws `KEY_MISSING`. */
export async function privateKeyOf(keys: Pick<Keys, 'macKey'>, { id, kid }: KeyOf): Promise<KeyObject> {
  const mac: MacKey | undefined = await keys.macKey(PURPOSE, kid)
  if (!mac) throw new ClonedError('KEY_MISSING', { kid, purpose: `${PURPOSE}.mac`, path: 'the keys of the workspace' })
  const seed = Buffer.from(mac.mac(`${CONTEXT}\0${id}`), 'hex')
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
  seed.fill(0)
  return key
}

export function publicKeyText(key: KeyObject): string {
  return `whpk_${rawPublicKey(createPublicKey(key)).toString('base64')}`
}

/** The bytes of `whsec_…`; `undefined` for another text. Wiped by whoever uses them. */
export function hmacKey(secret: Buffer): Buffer | undefined {
  const [, text] = SECRET.exec(secret.toString('latin1').trim()) ?? []
  const key = text === undefined ? undefined : Buffer.from(text, 'base64')
  return key && key.length >= 24 && key.length <= 64 ? key : undefined
}

export interface Message {
  readonly id: string
  /** Seconds since 1970. */
  readonly timestamp: number
  readonly body: string
}

/** The headers of a message: asymmetric first, and symmetric where there is a secret. */
export function headersOf({ id, timestamp, body }: Message, key: KeyObject, hmac: Buffer | undefined) {
  const content = Buffer.from(`${id}.${timestamp}.${body}`)
  const signatures = [
    `v1a,${sign(null, content, key).toString('base64')}`,
    ...(hmac ? [`v1,${createHmac('sha256', hmac).update(content).digest('base64')}`] : []),
  ]
  return {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  }
}
