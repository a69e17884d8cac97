// Finds the key of this workspace that the root of trust names; must never sign with another in its place.
import { ClonedError, kidOf, thumbprintOf } from 'cloned/kernel'
import type { Keys, SigningKey } from '../keys/slot.js'
import { keysOf, type RootDocument } from './documents.js'
import { type Jwk, jwkOf } from './jwk.js'
import type { Signer } from './jws.js'

/** A signer with its public half. */
export interface RootSigner extends Signer {
  readonly jwk: Jwk
}

// One purpose for each version that brought a key: a rotation that was cut off finds the key it made, and no old one is lost.
const purpose = (version: number) => `trust-r${version}`

/** The key that version `version` of the root brings; made when it is not there. */
export async function rootKeyFor(keys: Keys, version: number): Promise<RootSigner> {
  return signerOf(await keys.signer(purpose(version)))
}

/** The signer of a root that one key of this workspace signs for alone. Throws `TRUST_REFUSED` for another root. */
export async function localRootKey(keys: Keys, root: RootDocument): Promise<RootSigner> {
  const [only] = root.threshold === 1 ? keysOf(root).values() : []
  for (let version = root.version; only && version > 0; version--) {
    if (await keys.publicKey(purpose(version), kidOf(only))) return await rootKeyFor(keys, version)
  }
  throw new ClonedError('TRUST_REFUSED', {
    document: 'the change',
    problem: 'the keys of the root are not of this workspace; give documents that they have signed',
  })
}

function signerOf(key: SigningKey): RootSigner {
  const { publicKey } = key
  return { jwk: jwkOf(publicKey), kid: thumbprintOf(publicKey), sign: (data) => key.sign(data) }
}
