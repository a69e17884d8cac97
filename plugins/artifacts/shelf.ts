// Reads saved artifacts back; whether one is intact is recomputed from its bytes every time, never remembered.
import { createHash } from 'node:crypto'
import { constants, existsSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ClonedError, readJson, readSchema } from 'cloned/kernel'
import { filenameProblem } from './filename.js'
import type { ArtifactManifest, Artifacts } from './slot.js'

const ID = /^art_[0-9a-f]{24}$/

/** The artifacts below a directory, which is asked for on every call: it is known from `onStart` on. */
export function createShelf(directory: () => string): Artifacts {
  return {
    async list() {
      const names = existsSync(directory()) ? await readdir(directory()) : []
      const manifests = names.filter((name) => ID.test(name)).map((id) => readManifest(directory(), id))
      return manifests.sort((a, b) => (sortKey(a) < sortKey(b) ? 1 : -1))
    },
    async get(id) {
      if (!ID.test(id) || !existsSync(join(directory(), id))) return undefined
      const manifest = readManifest(directory(), id)
      const path = join(directory(), id, 'content', manifest.filename)
      return { manifest, path, intact: await isIntact(path, manifest) }
    },
  }
}

function sortKey({ created_at, id }: ArtifactManifest): string {
  return `${created_at} ${id}`
}

/** Throws `FILE_INVALID` for a manifest that is missing, damaged, of another artifact, or names a path. */
function readManifest(directory: string, id: string): ArtifactManifest {
  const path = join(directory, id, 'manifest.json')
  const invalid = (problem: string) => new ClonedError('FILE_INVALID', { path, line: '', problem })
  if (!existsSync(path)) throw invalid('the file is missing')
  const manifest = readJson(path, readSchema('artifact_manifest')) as unknown as ArtifactManifest
  if (manifest.id !== id) throw invalid(`it is the manifest of ${manifest.id}`)
  // The schema cannot say all of it, and the name is about to become a path.
  const problem = filenameProblem(manifest.filename)
  if (problem) throw invalid(problem)
  return manifest
}

async function isIntact(path: string, manifest: ArtifactManifest): Promise<boolean> {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
    // Missing, or a symlink in its place: whatever stands there is not what was saved.
    if (['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO'].includes(String((error as { code?: string }).code))) return undefined
    throw error
  })
  if (!handle) return false
  try {
    const found = await handle.stat()
    if (!found.isFile() || found.size !== manifest.size) return false
    const hash = createHash('sha256')
    for await (const chunk of handle.createReadStream({ autoClose: false })) hash.update(chunk as Buffer)
    return hash.digest('hex') === manifest.sha256
  } finally {
    await handle.close()
  }
}
