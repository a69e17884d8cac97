// Reads the three kinds of trust document; must never hand on one with a weak key or with two readings of its threshold.
import type { KeyObject } from 'node:crypto'
import {
  ClonedError,
  compileSchema,
  deepFreeze,
  describeThrown,
  type JsonObject,
  readSchema,
  snapshot,
  wordProblems,
} from 'cloned/kernel'
import { importKey, type Jwk } from './jwk.js'
import type { TrustMode } from './slot.js'

const MAX_BYTES = 1024 * 1024

/** `publishers/<id>.json` (schemas/trust_publisher.schema.json). */
export interface PublisherDocument {
  readonly schema: 'cloned.trust-publisher/v1'
  readonly version: number
  readonly publisher_id: string
  readonly name: string
  readonly url?: string
  readonly namespaces: readonly string[]
  readonly threshold: number
  readonly keys: readonly {
    readonly kid: string
    readonly jwk: Jwk
    readonly use: 'package' | 'catalog'
    readonly status: 'active' | 'retired'
    readonly not_before?: string
    readonly not_after?: string
  }[]
}

/** `root.json` (schemas/trust_root.schema.json). */
export interface RootDocument {
  readonly schema: 'cloned.trust-root/v1'
  readonly version: number
  readonly mode: TrustMode
  readonly threshold: number
  readonly keys: readonly { readonly kid: string; readonly jwk: Jwk }[]
  readonly issued_at: string
}

/** One revocation. */
export interface RevocationEntry {
  readonly kind: 'key' | 'publisher' | 'package' | 'tool' | 'digest'
  readonly kid?: string
  readonly publisher_id?: string
  readonly id?: string
  readonly range?: string
  readonly digest?: string
  readonly reason: string
  readonly revoked_at: string
  readonly effective: 'always' | 'after'
  readonly compromised_at?: string
}

/** `revocations.json` (schemas/trust_revocations.schema.json). */
export interface RevocationsDocument {
  readonly schema: 'cloned.trust-revocations/v1'
  readonly version: number
  readonly issued_at: string
  readonly expires: string
  readonly entries: readonly RevocationEntry[]
}

export interface Documents {
  publisher: PublisherDocument
  root: RootDocument
  revocations: RevocationsDocument
}
export type DocumentType = keyof Documents

/** The text under which a document is kept and signed. */
export function formatDocument(document: Documents[DocumentType]): string {
  return `${JSON.stringify(document, null, 2)}\n`
}

/** Parses and validates. `name` is for texts. Throws `TRUST_REFUSED` and `KEY_UNSOUND`. */
export function parseDocument<T extends DocumentType>(type: T, text: string, name: string): Documents[T] {
  const refused = (problem: string) => new ClonedError('TRUST_REFUSED', { document: name, problem })
  if (Buffer.byteLength(text) > MAX_BYTES) throw refused(`it is larger than ${MAX_BYTES} bytes`)
  if (text.startsWith('-----BEGIN')) throw refused('it is a key, not the document that was made with it (FILE.json)')
  let value: JsonObject
  try {
    value = snapshot(JSON.parse(text), { depth: 16, bytes: 4 * MAX_BYTES }) as JsonObject
  } catch (cause) {
    throw new ClonedError('TRUST_REFUSED', { document: name, problem: describeThrown(cause) }, { cause })
  }
  const problems = compileSchema(readSchema(`trust_${type}`))(value)
  if (problems.length > 0) throw refused(wordProblems(problems))
  const document = value as unknown as Documents[T]
  const problem = CHECKS[type](document as never)
  if (problem !== undefined) throw refused(problem)
  return deepFreeze(document)
}

/** The keys of a document that has some, by thumbprint. */
export function keysOf(document: PublisherDocument | RootDocument): ReadonlyMap<string, KeyObject> {
  return new Map(document.keys.map(({ kid, jwk }) => [kid, importKey(kid, jwk)]))
}

const CHECKS: { readonly [T in DocumentType]: (document: Documents[T]) => string | undefined } = {
  publisher(document) {
    const signing = document.keys.filter(({ use }) => use === 'package')
    return (
      keyProblem(document) ?? (signing.length < document.threshold ? 'it has fewer keys than its threshold' : undefined)
    )
  },
  root: (document) =>
    keyProblem(document) ??
    (document.keys.length < document.threshold ? 'it has fewer keys than its threshold' : undefined),
  revocations: ({ issued_at, expires }) =>
    Date.parse(expires) > Date.parse(issued_at) ? undefined : 'it expires before it was issued',
}

/** One key under two thumbprints cannot be: the thumbprint is computed from the key. */
function keyProblem(document: PublisherDocument | RootDocument): string | undefined {
  return keysOf(document).size < document.keys.length ? 'it names one key twice' : undefined
}
