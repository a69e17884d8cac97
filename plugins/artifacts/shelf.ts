// Finds saved artifacts and judges them; whether one is intact is recomputed every time, never remembered.
import { createPublicKey, type KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { type AuditLog, ClonedError, sha256 } from 'cloned/kernel'
import type { Keys } from '../keys/slot.js'
import { isSignedBy } from './bundle.js'
import { logChecks } from './log-checks.js'
import { contentProblem, type ReadArtifact, readArtifact } from './reading.js'
import { PURPOSE } from './save.js'
import type { ArtifactCheck, ArtifactManifest, Artifacts } from './slot.js'

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
      } else {
        const payload = sha256(bundle.payload)
        checks.push(
          ...(await logChecks(audit, manifest, read.facts.upTo, (saved) => saved['manifest_sha256'] === payload)),
        )
      }
      return { manifest, path, checks }
    },
  }
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
