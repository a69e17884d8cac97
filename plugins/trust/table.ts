// Keeps the approved trust documents in the store; must never put one back behind a version that was there.
import { ClonedError, isClonedError, sha256 } from 'cloned/kernel'
import type { Store } from '../store/slot.js'

/** An approved document; `content` is empty for a publisher that was removed, whose version stays. */
export interface StoredDocument {
  /** `root`, `revocations` or `publishers/<id>`. */
  readonly name: string
  readonly version: number
  readonly content: string
  /** Text of the signature file. */
  readonly signature: string
}

export interface TrustTable {
  migrate(): Promise<void>
  /** Sorted by name. Throws `TRUST_ROLLED_BACK` for a row whose text is not what was approved. */
  read(): Promise<readonly StoredDocument[]>
  /** All or nothing. Throws `TRUST_REFUSED` when one of them was changed meanwhile. */
  write(documents: readonly StoredDocument[], about: { callId: string; at: number }): Promise<void>
}

const STEPS = [
  [
    `create table trust_documents (
      name text primary key,
      version bigint not null,
      digest text not null,
      content text not null,
      signature text not null,
      call_id text not null,
      approved_at bigint not null
    )`,
  ],
]

export function createTrustTable(store: Pick<Store, 'all' | 'write' | 'migrate'>): TrustTable {
  return {
    migrate: () => store.migrate('cloned.trust', STEPS),
    async read() {
      const rows = await store.all(
        'select name, version, digest, content, signature from trust_documents order by name',
      )
      return rows.map((row) => {
        const document = {
          name: String(row['name']),
          version: Number(row['version']),
          content: String(row['content']),
          signature: String(row['signature']),
        }
        if (documentDigest(document) === row['digest']) return document
        throw new ClonedError('TRUST_ROLLED_BACK', {
          problem: `${document.name} in the store is not what was approved`,
        })
      })
    },
    async write(documents, { callId, at }) {
      const statements = documents.map((document) => ({
        sql: `insert into trust_documents (name, version, digest, content, signature, call_id, approved_at)
          values ($1, $2, $3, $4, $5, $6, $7)
          on conflict (name) do update set version = excluded.version, digest = excluded.digest,
            content = excluded.content, signature = excluded.signature, call_id = excluded.call_id,
            approved_at = excluded.approved_at where trust_documents.version < excluded.version`,
        args: [
          document.name,
          document.version,
          documentDigest(document),
          document.content,
          document.signature,
          callId,
          at,
        ],
        expect: 1,
      }))
      try {
        await store.write(statements)
      } catch (cause) {
        if (!isClonedError(cause) || cause.code !== 'STORE_CONFLICT') throw cause
        const names = documents.map(({ name }) => name).join(', ')
        throw new ClonedError('TRUST_REFUSED', { document: names, problem: 'another change came first' }, { cause })
      }
    },
  }
}

/** SHA-256 of what was approved. */
export function documentDigest({ content }: Pick<StoredDocument, 'content'>): string {
  return sha256(content)
}
