// Saves artifacts and judges them; nothing that lies in the store is believed unless the workspace has signed it.
import { randomBytes } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type AuditLog,
  ClonedError,
  canonical,
  type Json,
  privateDirectory,
  sha256,
  syncDirectory,
  verifyStrictly,
} from 'cloned/kernel'
import {
  type ArtifactManifest,
  type Artifacts,
  contentProblem,
  type Facts,
  failureOf,
  logChecks,
  publicKeyIn,
  type StageParts,
  stageArtifact,
} from 'cloned/plugins/artifacts'
import type { Keys } from 'cloned/plugins/keys'
import type { Row, Store } from 'cloned/plugins/store'

export interface Parts extends StageParts {
  /** Where the contents are, each in a file named by its SHA-256. */
  readonly directory: () => string
  readonly store: Pick<Store, 'all' | 'write'>
  readonly keys: Pick<Keys, 'signer' | 'publicKey'>
  readonly audit: Pick<AuditLog, 'find' | 'scan'>
}

export const MIGRATIONS = [
  [
    `create table acme_artifacts (id text primary key, at text not null, facts text not null, kid text not null,
       signature text not null)`,
  ],
]

const PURPOSE = 'artifacts'
const idOf = (facts: string) => `art_${sha256(facts).slice(0, 24)}`

export function createArtifacts(parts: Parts): Artifacts {
  const { directory, store, keys, audit } = parts

  /** A row as it is; nobody has checked it. */
  function read(row: Row) {
    const [id, text] = [String(row['id']), String(row['facts'])]
    const { upTo, ...said } = JSON.parse(text) as Facts
    const manifest: ArtifactManifest = { id, ...said }
    const path = join(directory(), manifest.sha256)
    /** Whether the key, or the workspace's own, has signed what the id is made of. */
    async function isSigned(pem?: string): Promise<boolean> {
      const key = pem === undefined ? await keys.publicKey(PURPOSE, String(row['kid'])) : publicKeyIn(pem)
      const signature = Buffer.from(String(row['signature']), 'base64url')
      return idOf(text) === id && key !== undefined && verifyStrictly(Buffer.from(text), key, signature)
    }
    return { upTo, manifest, path, isSigned, problem: () => contentProblem({ path, manifest }) }
  }
  async function find(id: string) {
    const [row] = await store.all('select * from acme_artifacts where id = $1', id)
    return row && read(row)
  }

  return {
    async save(artifact, call) {
      const staged = join(directory(), `${randomBytes(12).toString('hex')}.part`)
      try {
        privateDirectory(dirname(directory()))
        privateDirectory(directory())
        const facts = await stageArtifact(artifact, call, staged, parts)
        const { filename, created_at: at, sha256: hash, size } = facts
        // Over what is there: if somebody has changed that, it is put right.
        await rename(join(staged, 'content', filename), join(directory(), hash))
        syncDirectory(directory())
        const text = canonical(facts as unknown as Json)
        const { kid, sign } = await keys.signer(PURPOSE)
        const row = { id: idOf(text), at, facts: text, kid, signature: sign(Buffer.from(text)).toString('base64url') }
        // Before it stands: the log may know of one that a crash has prevented, but never the other way round.
        await call.record('artifact.saved', { artifact: row.id, content_sha256: hash, size })
        const sql = 'insert into acme_artifacts (id, at, facts, kid, signature) values ($1, $2, $3, $4, $5)'
        await store.write([{ sql, args: Object.values(row) }])
        return read(row).manifest
      } catch (error) {
        throw failureOf(error)
      } finally {
        await rm(staged, { recursive: true, force: true })
      }
    },
    async list() {
      const rows = await store.all('select * from acme_artifacts order by at desc, id desc')
      return rows.map((row) => read(row).manifest)
    },
    async get(id) {
      const found = await find(id)
      if (!found) return undefined
      const { manifest, path, isSigned, problem } = found
      return { manifest, path, intact: (await isSigned()) && (await problem()) === undefined }
    },
    async verify(id, pem) {
      const found = await find(id)
      if (!found) throw new ClonedError('ARTIFACT_UNKNOWN', { artifact: id })
      const { manifest, path, upTo, isSigned } = found
      const [ok, problem] = [await isSigned(pem), await found.problem()]
      const checks = [
        { name: 'signature', ok, detail: ok ? 'as it was saved' : 'by another key, or of something else' },
        { name: 'content', ok: problem === undefined, detail: problem ?? `sha256 ${manifest.sha256}` },
        ...(await logChecks(audit, manifest, upTo, (saved) => saved['artifact'] === id)),
      ] as const
      return { manifest, path, checks }
    },
  }
}
