// Holds the trust documents in force; must never use one that the store, the log and the root do not agree on.
import type { KeyObject } from 'node:crypto'
import { type AuditLog, ClonedError, digest, type Json, type JsonObject } from 'cloned/kernel'
import {
  keysOf,
  type PublisherDocument,
  parseDocument,
  type RevocationsDocument,
  type RootDocument,
} from './documents.js'
import type { TrustFiles } from './files.js'
import { goodSigners } from './jws.js'
import { documentDigest, type StoredDocument, type TrustTable } from './table.js'

/** Everything in force, parsed. */
export interface TrustState {
  /** Changes with every document. */
  readonly digest: string
  readonly documents: readonly StoredDocument[]
  readonly root: RootDocument | undefined
  readonly revocations: RevocationsDocument | undefined
  readonly publishers: ReadonlyMap<string, PublisherDocument>
  /** Keys of publishers by thumbprint. */
  readonly keys: ReadonlyMap<string, { readonly publisher: string; readonly key: KeyObject }>
}

export const RECORD = 'trust.document'

/** Name → version and digest: what the log remembers of the store. */
export function standing(documents: readonly StoredDocument[]): JsonObject {
  return Object.fromEntries(
    documents.map((document) => [document.name, { version: document.version, digest: documentDigest(document) }]),
  )
}

export class TrustStates {
  readonly #table: Pick<TrustTable, 'read'>
  readonly #audit: Pick<AuditLog, 'latest'>
  readonly #files: Pick<TrustFiles, 'drift'>
  #known: TrustState | undefined

  constructor(table: Pick<TrustTable, 'read'>, audit: Pick<AuditLog, 'latest'>, files: Pick<TrustFiles, 'drift'>) {
    this.#table = table
    this.#audit = audit
    this.#files = files
  }

  /** What is in force now, whichever process approved it. Throws `TRUST_ROLLED_BACK`, `TRUST_REFUSED`. */
  async current(): Promise<TrustState> {
    const documents = await this.#table.read()
    const now = digest(standing(documents) as Json)
    if (this.#known?.digest === now) return this.#known
    await this.#mustBeNewest(documents)
    this.#known = await parseState(documents, now)
    return this.#known
  }

  /** The file that is not as approved. */
  drift(state: TrustState): string | undefined {
    return this.#files.drift(state.documents)
  }

  /** The store can be put back as a file; the log, which is chained and anchored, cannot as easily. */
  async #mustBeNewest(documents: readonly StoredDocument[]): Promise<void> {
    const latest = await this.#audit.latest(RECORD)
    const recorded = (latest?.record['documents'] ?? {}) as Record<string, { version: number; digest: string }>
    for (const [name, seen] of Object.entries(recorded)) {
      const found = documents.find((document) => document.name === name)
      const older = !found || found.version < seen.version
      if (!older && (found.version > seen.version || documentDigest(found) === seen.digest)) continue
      const problem = older
        ? `${name} has version ${found?.version ?? 'none'}, the audit log knows ${seen.version}`
        : `${name} is not the one that the audit log knows`
      throw new ClonedError('TRUST_ROLLED_BACK', { problem })
    }
  }
}

async function parseState(documents: readonly StoredDocument[], digestNow: string): Promise<TrustState> {
  const live = documents.filter(({ content }) => content !== '')
  const named = (name: string) => live.find((document) => document.name === name)
  const stored = named('root')
  const root = stored && parseDocument('root', stored.content, 'root')
  if (stored && root) await mustBeSigned(stored, 'root', root)
  const storedRevocations = named('revocations')
  const publishers = new Map<string, PublisherDocument>()
  const keys = new Map<string, { publisher: string; key: KeyObject }>()
  for (const document of live.filter(({ name }) => name.startsWith('publishers/'))) {
    const publisher = parseDocument('publisher', document.content, document.name)
    await mustBeSigned(document, 'publisher', root)
    publishers.set(publisher.publisher_id, publisher)
    for (const [kid, key] of keysOf(publisher)) keys.set(kid, { publisher: publisher.publisher_id, key })
  }
  if (storedRevocations) await mustBeSigned(storedRevocations, 'revocations', root)
  const revocations =
    storedRevocations && parseDocument('revocations', storedRevocations.content, storedRevocations.name)
  return { digest: digestNow, documents, root, revocations, publishers, keys }
}

/** Throws unless enough keys of the root have signed the document. */
export async function mustBeSigned(
  { name, content, signature }: Pick<StoredDocument, 'name' | 'content' | 'signature'>,
  type: 'publisher' | 'revocations' | 'root',
  root: RootDocument | undefined,
): Promise<void> {
  if (!root) throw new ClonedError('TRUST_ROOT_MISSING', {})
  const kids = await goodSigners(Buffer.from(content), Buffer.from(signature), type, keysOf(root))
  if (kids.size >= root.threshold) return
  const problem = `${kids.size} of ${root.threshold} keys of the root have signed it`
  throw new ClonedError('TRUST_REFUSED', { document: name, problem })
}
