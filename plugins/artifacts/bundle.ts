// Signs a statement and opens a signed one, as DSSE in a Sigstore bundle; must never hand on bytes it has not been given whole.
import type { KeyObject } from 'node:crypto'
import { compileSchema, type Json, type JsonObject, verifyStrictly } from 'cloned/kernel'
import type { SigningKey } from '../keys/slot.js'

const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
const PAYLOAD_TYPE = 'application/vnd.in-toto+json'

const BASE64 = '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$'
const closed = (properties: JsonObject): JsonObject => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(properties),
  properties,
})
// One signature and one key, and no member that is not looked at: what is ignored can be forged.
const BUNDLE = closed({
  mediaType: { const: BUNDLE_TYPE },
  verificationMaterial: closed({
    publicKey: closed({ hint: { type: 'string', pattern: '^[0-9a-f]{16}$' } }),
    tlogEntries: { const: [] },
  }),
  dsseEnvelope: closed({
    payload: { type: 'string', pattern: BASE64 },
    payloadType: { const: PAYLOAD_TYPE },
    signatures: {
      type: 'array',
      minItems: 1,
      maxItems: 1,
      items: closed({ keyid: { const: '' }, sig: { type: 'string', pattern: '^[A-Za-z0-9+/]{86}==$' } }),
    },
  }),
})

/** A bundle that has the right shape; nobody has checked its signature. */
export interface OpenedBundle {
  readonly payload: Buffer
  /** Key id that the bundle names; where to look, never whom to trust. */
  readonly kid: string
  readonly signature: Buffer
}

/** The text of a bundle over these bytes. */
export function sealBundle(payload: Buffer, key: SigningKey): string {
  const bundle = {
    mediaType: BUNDLE_TYPE,
    verificationMaterial: { publicKey: { hint: key.kid }, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: PAYLOAD_TYPE,
      signatures: [{ keyid: '', sig: key.sign(encoded(payload)).toString('base64') }],
    },
  }
  return `${JSON.stringify(bundle)}\n`
}

/** Throws a `TypeError` for what {@link sealBundle} does not make. */
export function openBundle(text: string): OpenedBundle {
  const value = JSON.parse(text) as Json
  const [problem] = compileSchema(BUNDLE)(value)
  if (problem) throw new TypeError(`${problem.path} ${problem.message}`)
  const { verificationMaterial, dsseEnvelope } = value as unknown as {
    verificationMaterial: { publicKey: { hint: string } }
    dsseEnvelope: { payload: string; signatures: readonly { sig: string }[] }
  }
  return {
    payload: Buffer.from(dsseEnvelope.payload, 'base64'),
    kid: verificationMaterial.publicKey.hint,
    signature: Buffer.from(dsseEnvelope.signatures[0]?.sig ?? '', 'base64'),
  }
}

/** Whether this key signed the bundle. */
export function isSignedBy({ payload, signature }: OpenedBundle, key: KeyObject): boolean {
  return verifyStrictly(encoded(payload), key, signature)
}

/** The pre-authentication encoding of DSSE v1. */
function encoded(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload])
}
