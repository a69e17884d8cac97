// Saves artifacts and judges them; nothing that lies in the store is believed unless the workspace has signed it.
import type { KeyObject } from 'node:crypto'
import {
  type AuditLog,
  ClonedError,
  canonical,
  type Json,
  type JsonObject,
  sha256,
  verifyStrictly,
} from 'cloned/kernel'
import {
  type ArtifactManifest,
  type Artifacts,
  callsBehind,
  filenameProblem,
  isMediaType,
  mediaTypeOf,
  publicKeyIn,
  refused,
  TooLarge,
  unsaved,
} from 'cloned/plugins/artifacts'
import type { Keys } from 'cloned/plugins/keys'
import type { Row, Store } from 'cloned/plugins/store'
import type { Contents } from './contents.js'

export const MIGRATIONS = [
  [
    'create table acme_artifacts (id text primary key, at text not null, statement text not null, kid text not null, signature text not null)',
  ],
]

const PURPOSE = 'artifacts'
type Call = Parameters<Artifacts['save']>[1]
/** What is signed. `upTo`: the log was read up to here. */
type Statement = Omit<ArtifactManifest, 'id'> & { readonly upTo: number }

export interface ArtifactParts {
  readonly contents: Contents
  readonly store: Pick<Store, 'all' | 'write'>
  readonly keys: Pick<Keys, 'signer' | 'publicKey'>
  readonly audit: Pick<AuditLog, 'find'>
  readonly now: () => number
  readonly workspace: () => string
  readonly provenance: (call: Call) => JsonObject
}

export function createArtifacts(parts: ArtifactParts): Artifacts {
  const { contents, store, keys, audit, now, workspace, provenance } = parts

  async function load(id: string): Promise<Row | undefined> {
    return (await store.all('select * from acme_artifacts where id = $1', id))[0]
  }

  /** Whether the key, or the workspace's own, has signed what the id is made of. */
  async function isSigned({ id, statement, kid, signature }: Row, given?: KeyObject): Promise<boolean> {
    const key = given ?? (await keys.publicKey(PURPOSE, String(kid)))
    const text = Buffer.from(String(statement))
    return idOf(text) === id && !!key && verifyStrictly(text, key, Buffer.from(String(signature), 'base64url'))
  }

  return {
    async save({ filename, content, mediaType = mediaTypeOf(filename), sources = [] }, call) {
      const problem = filenameProblem(filename) ?? (isMediaType(mediaType) ? undefined : 'its media type is not one')
      if (problem !== undefined) throw refused(problem)
      try {
        const known = provenance(call)
        const kept = await contents.keep(content, call.signal)
        const statement: Statement = {
          filename,
          media_type: mediaType,
          ...kept,
          created_at: new Date(now()).toISOString(),
          created_by: call.actor.id,
          call_id: call.callId,
          workspace: workspace(),
          provenance: known,
          sources,
          ...(await callsBehind(audit, call)),
        }
        const text = Buffer.from(canonical(statement as unknown as Json))
        const id = idOf(text)
        const { kid, sign } = await keys.signer(PURPOSE)
        // Before it stands: the log may know of one that a crash has prevented, but never the other way round.
        await call.record('artifact.saved', { artifact: id, content_sha256: kept.sha256, size: kept.size })
        await store.write([
          {
            sql: 'insert into acme_artifacts (id, at, statement, kid, signature) values ($1, $2, $3, $4, $5)',
            args: [id, statement.created_at, text.toString(), kid, sign(text).toString('base64url')],
          },
        ])
        return manifestOf({ id, statement: text.toString() })
      } catch (error) {
        if (error instanceof TooLarge) throw refused(error.message)
        throw unsaved(error, 'none')
      }
    },

    async list() {
      return (await store.all('select * from acme_artifacts order by at desc, id desc')).map(manifestOf)
    },

    async get(id) {
      const row = await load(id)
      if (!row) return undefined
      const manifest = manifestOf(row)
      const intact = (await isSigned(row)) && (await contents.problem(manifest)) === undefined
      return { manifest, path: contents.path(manifest.sha256), intact }
    },

    async verify(id, pem) {
      const row = await load(id)
      if (!row) throw new ClonedError('ARTIFACT_UNKNOWN', { artifact: id })
      const manifest = manifestOf(row)
      const key = pem === undefined ? undefined : publicKeyIn(pem)
      const problem = await contents.problem(manifest)
      const saved = (await audit.find(manifest.call_id)).find(
        ({ record }) => record['type'] === 'artifact.saved' && record['artifact'] === id,
      )
      const { upTo } = JSON.parse(String(row['statement'])) as Statement
      const claimed = (manifest.provenance['actor'] as { claimed?: unknown }).claimed !== false
      const call = { callId: manifest.call_id, actor: { id: manifest.created_by, claimed } }
      const { calls } = await callsBehind(audit, call, upTo)
      const same = canonical(calls as unknown as Json) === canonical(manifest.calls as unknown as Json)
      return {
        manifest,
        path: contents.path(manifest.sha256),
        checks: [
          { name: 'signature', ok: await isSigned(row, key), detail: `by key ${row['kid']}` },
          { name: 'content', ok: problem === undefined, detail: problem ?? `sha256 ${manifest.sha256}` },
          { name: 'record', ok: saved !== undefined, detail: `record ${saved?.seq ?? 'none'} of the log` },
          { name: 'calls', ok: same, detail: `${manifest.calls.length} calls, as the log ${same ? 'has' : 'has not'}` },
        ],
      }
    },
  }
}

function idOf(statement: Buffer): string {
  return `art_${sha256(statement).slice(0, 24)}`
}

function manifestOf({ id, statement }: Row): ArtifactManifest {
  const { upTo: _, ...said } = JSON.parse(String(statement)) as Statement
  return { id: String(id), ...said }
}
