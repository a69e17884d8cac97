// Names the trust service: whose signatures count here and what was revoked; interface and token only.
import type { KeyObject } from 'node:crypto'
import { type Json, slot } from 'cloned/kernel'

/** `dev` warns where `strict` refuses: about revocations that are missing or expired. A bad signature is refused by both. */
export type TrustMode = 'dev' | 'strict'

/** What a signature is over; it stands in the protected header, so that one cannot be used for another. */
export type SignedType = 'package' | 'catalog' | 'publisher' | 'revocations' | 'root'

/** A publisher whose keys count here. */
export interface Publisher {
  readonly id: string
  readonly name: string
  /** A connector id must be one of these or begin with one and a dot. */
  readonly namespaces: readonly string[]
  /** How many of its keys must have signed. */
  readonly threshold: number
  readonly keys: readonly {
    /** RFC 7638 thumbprint. */
    readonly kid: string
    readonly use: 'package' | 'catalog'
    readonly status: 'active' | 'retired' | 'revoked'
  }[]
  readonly version: number
}

/** What the signatures of a document prove. */
export interface Signers {
  /** Publishers of whom enough different keys have signed. */
  readonly publishers: readonly string[]
  /** Thumbprints of the keys whose signature is good. */
  readonly kids: readonly string[]
  /** `true` when enough keys of the root have signed. */
  readonly root: boolean
}

/** What is asked about a package whose signature is good. */
export interface PackageIdentity {
  readonly id: string
  readonly version: string
  readonly digest: string
  readonly publisher: string
  readonly kids: readonly string[]
  /** Ids with version. */
  readonly tools: readonly string[]
  /** When it was installed here, milliseconds since 1970; absent for one that is about to be. */
  readonly installedAt?: number
}

export interface Trust {
  /**
   * The mode, and a digest that changes whenever a document in force does. Throws `TRUST_ROOT_MISSING` while there is no
   * root, `TRUST_ROLLED_BACK`, and in `strict` mode `TRUST_DRIFT`; so does every method that answers by them.
   */
  standing(): Promise<{ readonly mode: TrustMode; readonly digest: string }>
  publishers(): Promise<readonly Publisher[]>
  /**
   * Checks `package.sig` over these bytes. Throws `SIGNATURE_INVALID` for anything outside of the profile, a bad signature
   * of a known key, or no signature that counts. `load`: keys that are retired or past their time still count, because
   * they did when the package was installed.
   */
  verify(
    payload: Uint8Array,
    signature: Uint8Array,
    about: { readonly type: 'package' | 'catalog'; readonly at: 'install' | 'load' },
  ): Promise<Signers>
  /** Throws `PUBLISHER_UNKNOWN`, and `PUBLISHER_NAMESPACE` unless the id lies in one of the publisher's namespaces. */
  inNamespace(publisher: string, id: string): Promise<void>
  /** Throws `TRUST_REVOKED`; in `strict` mode also `TRUST_STALE` when the revocations are missing or have expired. */
  notRevoked(identity: PackageIdentity): Promise<void>
  /** Of these packages those that count now and would not after a change of the trust store, the input of a `trust.write`. */
  stoppedBy(change: Json, packages: readonly PackageIdentity[]): Promise<readonly PackageIdentity[]>
  /** Signs with a private key (PKCS #8 PEM of an Ed25519 key) and answers the signature document, added to one there is. */
  sign(
    payload: Uint8Array,
    about: { readonly type: SignedType; readonly pem: string; readonly existing?: Uint8Array },
  ): { readonly kid: string; readonly signature: string }
  /** The first document of a publisher with this one key, or the next version of one with this key added; for `trust add`. */
  publisherDocument(
    key: KeyObject,
    about:
      | { readonly id: string; readonly name: string; readonly namespaces: readonly string[] }
      | { readonly existing: string; readonly use: 'package' | 'catalog' },
  ): string
}

export const trustSlot = slot<Trust>('cloned.trust', { contract: 1 })

/** Id of the kind of action that changes the trust store. */
export const TRUST_WRITE = 'trust.write'
