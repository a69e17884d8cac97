// Makes and checks detached signatures in the one profile there is; no header chooses an algorithm or brings a key.
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import {
  ClonedError,
  compileSchema,
  describeThrown,
  type JsonObject,
  snapshot,
  thumbprintOf,
  wordProblems,
} from 'cloned/kernel'
import type { SignedType } from './slot.js'

const MAX_BYTES = 64 * 1024
const TYPES: Readonly<Record<SignedType, string>> = {
  package: 'cloned-package-manifest+jws',
  catalog: 'cloned-catalog+jws',
  publisher: 'cloned-publisher+jws',
  revocations: 'cloned-revocations+jws',
  root: 'cloned-trust-root+jws',
}

/** One signature of a JWS in the general JSON serialisation (RFC 7515), payload detached, no unprotected header. */
interface Entry {
  readonly protected: string
  readonly signature: string
}

const SCHEMA: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['signatures'],
  properties: {
    signatures: {
      type: 'array',
      minItems: 1,
      maxItems: 16,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['protected', 'signature'],
        properties: {
          protected: { type: 'string', maxLength: 1000, pattern: '^[A-Za-z0-9_-]+$' },
          signature: { type: 'string', pattern: '^[A-Za-z0-9_-]{86}$' },
        },
      },
    },
  },
}

/** Whoever can sign under a thumbprint. */
export interface Signer {
  readonly kid: string
  readonly sign: (data: Buffer) => Buffer
}

/** A signer of an unencrypted PKCS #8 PEM. Throws `KEY_UNSOUND` for another kind of key. */
export function pemSigner(pem: string): Signer {
  try {
    const key = createPrivateKey(pem)
    const kid = thumbprintOf(createPublicKey(key))
    return { kid, sign: (data) => sign(null, data, key) }
  } catch (cause) {
    throw new ClonedError(
      'KEY_UNSOUND',
      { kid: 'to sign with', problem: 'is not an Ed25519 key in PKCS #8 PEM' },
      { cause },
    )
  }
}

/** Adds a signature; one of the same key is replaced. Answers the text of the signature file. */
export function signDetached(payload: Uint8Array, type: SignedType, signer: Signer, existing?: Uint8Array): string {
  const header = headerText(signer.kid, type)
  const signature = signer.sign(signingInput(header, payload)).toString('base64url')
  const others = existing ? parse(existing).filter((entry) => entry.protected !== header) : []
  return `${JSON.stringify({ signatures: [...others, { protected: header, signature }] }, null, 2)}\n`
}

/**
 * The thumbprints of those of `keys` whose signature over the payload is good. Throws `SIGNATURE_INVALID` for a file or a
 * header outside of the profile, a key that signs twice, and a bad signature of a key that is known. Signatures of
 * unknown keys say nothing.
 */
export async function goodSigners(
  payload: Uint8Array,
  document: Uint8Array,
  type: SignedType,
  keys: ReadonlyMap<string, KeyObject>,
): Promise<ReadonlySet<string>> {
  const good = new Set<string>()
  const seen = new Set<string>()
  for (const entry of parse(document)) {
    const kid = kidIn(entry.protected)
    // The whole header is compared: no other member, order, spelling or algorithm can stand in it.
    if (entry.protected !== headerText(kid, type))
      throw invalid('a signature has another header than the profile allows')
    if (seen.has(kid)) throw invalid(`key ${kid} signs twice`)
    seen.add(kid)
    const key = keys.get(kid)
    if (!key) continue
    await verifyEntry(payload, entry, key, kid)
    good.add(kid)
  }
  return good
}

async function verifyEntry(payload: Uint8Array, entry: Entry, key: KeyObject, kid: string): Promise<void> {
  const { flattenedVerify } = await import('jose')
  try {
    const flattened = { ...entry, payload: Buffer.from(payload).toString('base64url') }
    await flattenedVerify(flattened, key, { algorithms: ['Ed25519'] })
  } catch (cause) {
    throw new ClonedError('SIGNATURE_INVALID', { problem: `key ${kid} did not sign this` }, { cause })
  }
}

function parse(document: Uint8Array): readonly Entry[] {
  if (document.length > MAX_BYTES) throw invalid(`it is larger than ${MAX_BYTES} bytes`)
  let value: unknown
  try {
    value = snapshot(JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(document)))
  } catch (cause) {
    throw new ClonedError('SIGNATURE_INVALID', { problem: `it cannot be read: ${describeThrown(cause)}` }, { cause })
  }
  const problems = compileSchema(SCHEMA)(value)
  if (problems.length > 0) throw invalid(wordProblems(problems))
  return (value as { readonly signatures: readonly Entry[] }).signatures
}

function kidIn(header: string): string {
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'))
    const { kid } = (value ?? {}) as { kid?: unknown }
    return typeof kid === 'string' ? kid : ''
  } catch {
    // Compared below with the one header there may be, and refused with the others.
    return ''
  }
}

function headerText(kid: string, type: SignedType): string {
  return Buffer.from(JSON.stringify({ alg: 'Ed25519', kid, typ: TYPES[type] })).toString('base64url')
}

function signingInput(header: string, payload: Uint8Array): Buffer {
  return Buffer.from(`${header}.${Buffer.from(payload).toString('base64url')}`)
}

function invalid(problem: string): ClonedError {
  return new ClonedError('SIGNATURE_INVALID', { problem })
}
