// Finds saved artifacts and judges them; whether one is intact is recomputed every time, never remembered.
import { createPublicKey, type KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { type AuditLog, ClonedError, canonical, type Json, sha256 } from 'cloned/kernel'
import type { Keys } from '../keys/slot.js'
import { isSignedBy } from './bundle.js'
import { callsBehind } from './calls.js'
import { contentProblem, type ReadArtifact, readArtifact } from './reading.js'
import { PURPOSE } from './save.js'
import type { ArtifactCheck, ArtifactManifest, Artifacts, RecordedCall } from './slot.js'

const ID = /^art_[0-9a-f]{24}$/

interface ShelfDeps {
  readonly directory: () => string
  readonly workspace: () => string
  readonly keys: Pick<Keys, 'publicKey'>
  readonly audit: Pick<AuditLog, 'find' | 'scan'>
}

/** Everything of {@link Artifacts} that only reads. */
export function createShelf({ directory, workspace, keys, audit }: ShelfDeps): Omit<Artifacts, 'save'> {
  const signedBy = async ({ bundle }: ReadArtifact, given?: KeyObject): Promise<boolean> => {
    const key = given ?? (await keys.publicKey(PURPOSE, bundle.kid))
    return key !== undefined && isSignedBy(bundle, key)
  }
  return {
    async list() {
      const names = existsSync(directory()) ? await readdir(directory()) : []
      const manifests: ArtifactManifest[] = []
      for (const id of names.filter((name) => ID.test(name))) {
        manifests.push((await readArtifact(join(directory(), id), id)).manifest)
      }
      return manifests.sort((a, b) => (sortKey(a) < sortKey(b) ? 1 : -1))
    },

    async get(id) {
      if (!ID.test(id) || !existsSync(join(directory(), id))) return undefined
      const read = await readArtifact(join(directory(), id), id)
      const intact = (await signedBy(read)) && (await contentProblem(read)) === undefined
      return { manifest: read.manifest, path: read.path, intact }
    },

    async verify(artifact, pem) {
      const own = ID.test(artifact)
      const place = own ? join(directory(), artifact) : artifact
      if (!isAbsolute(place) || !existsSync(place)) throw new ClonedError('ARTIFACT_UNKNOWN', { artifact })
      const read = await readArtifact(place, own ? artifact : undefined)
      const { manifest, path, bundle } = read
      const key = pem === undefined ? undefined : publicKeyIn(pem)
      const content = await contentProblem(read)
      const checks: ArtifactCheck[] = [
        (await signedBy(read, key))
          ? { name: 'signature', ok: true, detail: `by key ${bundle.kid}` }
          : {
              name: 'signature',
              ok: false,
              detail: `no ${key ? 'signature by the given key' : 'key of this workspace'}`,
            },
        { name: 'content', ok: content === undefined, detail: content ?? `sha256 ${manifest.sha256}` },
      ]
      if (manifest.workspace !== workspace()) {
        const detail = `only its own workspace, ${manifest.workspace}, has the log`
        checks.push({ name: 'record', ok: undefined, detail }, { name: 'calls', ok: undefined, detail })
      } else checks.push(...(await logChecks(read, audit)))
      return { manifest, path, checks }
    },
  }
}

/** Whether the log knows the save, and the very calls that the manifest names. */
async function logChecks(
  { manifest, facts, bundle }: ReadArtifact,
  audit: Pick<AuditLog, 'find' | 'scan'>,
): Promise<readonly ArtifactCheck[]> {
  const oldest = await firstLeft(audit)
  const pruned = (what: string) => ({ ok: undefined, detail: `the log begins at record ${oldest}: ${what} was pruned` })
  const saved = (await audit.find(manifest.call_id)).find(
    ({ record }) => record['type'] === 'artifact.saved' && record['manifest_sha256'] === sha256(bundle.payload),
  )
  const record = saved
    ? { ok: true, detail: `record ${saved.seq} of the log` }
    : facts.upTo < oldest
      ? pruned('its record')
      : { ok: false, detail: 'the log has no record of this manifest' }
  const actor = { id: manifest.created_by, claimed: claimed(manifest) }
  const logged = await callsBehind(audit, { callId: manifest.call_id, actor }, facts.upTo)
  const left = (calls: readonly RecordedCall[]) => calls.filter(({ seq }) => seq >= oldest)
  const same = text(left(logged.calls)) === text(left(manifest.calls))
  const count = `${manifest.calls.length} of ${manifest.calls.length} stand in the log as the manifest says`
  const calls = !same
    ? {
        ok: false,
        detail: `the log knows other calls than the manifest (${logged.calls.length} of ${manifest.calls.length})`,
      }
    : left(manifest.calls).length < manifest.calls.length
      ? pruned('a part of them')
      : { ok: true, detail: count }
  return [
    { name: 'record', ...record },
    { name: 'calls', ...calls },
  ]
}

async function firstLeft(audit: Pick<AuditLog, 'scan'>): Promise<number> {
  for await (const { seq } of audit.scan()) return seq
  return 1
}

function claimed({ provenance }: ArtifactManifest): boolean {
  return (provenance['actor'] as { claimed?: unknown }).claimed !== false
}

function text(calls: readonly RecordedCall[]): string {
  return canonical(calls as unknown as Json)
}

function sortKey({ created_at, id }: ArtifactManifest): string {
  return `${created_at} ${id}`
}

/** The key of `Artifacts.verify`. Throws `ARTIFACT_KEY` for what is not an Ed25519 public key. */
export function publicKeyIn(pem: string): KeyObject {
  try {
    const key = createPublicKey(pem)
    if (key.asymmetricKeyType === 'ed25519' && !/PRIVATE/.test(pem)) return key
  } catch (cause) {
    throw new ClonedError('ARTIFACT_KEY', { problem: 'it does not parse' }, { cause })
  }
  throw new ClonedError('ARTIFACT_KEY', { problem: 'it is of another kind' })
}
