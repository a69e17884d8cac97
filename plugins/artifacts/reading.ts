// Reads the files of an artifact as they stand; must never follow a link or wait for what is no file.
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { ClonedError, describeThrown } from 'cloned/kernel'
import { type OpenedBundle, openBundle } from './bundle.js'
import { MANIFEST, MAX_MANIFEST_BYTES } from './save.js'
import type { ArtifactManifest } from './slot.js'
import type { Facts } from './stage.js'
import { factsOf, idOf } from './statement.js'

/** An artifact as its files say; nobody has checked who signed it. */
export interface ReadArtifact {
  readonly manifest: ArtifactManifest
  readonly facts: Facts
  readonly bundle: OpenedBundle
  /** Absolute path of the content. */
  readonly path: string
}

/** Reads the manifest in a directory. Throws `FILE_INVALID` for one that is missing, damaged or has another `id`. */
export async function readArtifact(directory: string, id?: string): Promise<ReadArtifact> {
  const path = join(directory, MANIFEST)
  const invalid = (problem: string) => new ClonedError('FILE_INVALID', { path, line: '', problem })
  const text = await withFile(path, async (handle, size) => {
    if (size > MAX_MANIFEST_BYTES) throw invalid(`the file is larger than ${MAX_MANIFEST_BYTES} bytes`)
    return handle.readFile('utf8')
  })
  if (text === undefined) throw invalid('the file is missing')
  let bundle: OpenedBundle
  let facts: Facts
  try {
    bundle = openBundle(text)
    facts = factsOf(bundle.payload)
  } catch (error) {
    throw invalid(describeThrown(error))
  }
  const { upTo: _, ...said } = facts
  const manifest = { id: idOf(bundle.payload), ...said }
  if (id !== undefined && manifest.id !== id) throw invalid(`it is the manifest of ${manifest.id}`)
  return { manifest, facts, bundle, path: join(directory, 'content', manifest.filename) }
}

/**
 * What the file at `path` is instead of the content that was saved; `undefined` when it is that. Follows no link, and waits
 * for no pipe.
 */
export async function contentProblem({
  path,
  manifest,
}: {
  readonly path: string
  readonly manifest: Pick<ArtifactManifest, 'size' | 'sha256'>
}): Promise<string | undefined> {
  const found = await withFile(path, async (handle, size) => {
    if (size !== manifest.size) return { size, sha256: '' }
    const hash = createHash('sha256')
    for await (const chunk of handle.createReadStream({ autoClose: false })) hash.update(chunk as Buffer)
    return { size, sha256: hash.digest('hex') }
  })
  if (!found) return 'there is no such file'
  if (found.size !== manifest.size) return `${found.size} bytes instead of ${manifest.size}`
  return found.sha256 === manifest.sha256 ? undefined : 'its bytes are not those that were saved'
}

/** Does something with a plain file; `undefined` for whatever else stands there, or nothing. */
async function withFile<T>(
  path: string,
  use: (handle: FileHandle, size: number) => Promise<T>,
): Promise<T | undefined> {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
    if (['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO'].includes(String((error as { code?: string }).code))) return undefined
    throw error
  })
  if (!handle) return undefined
  try {
    const found = await handle.stat()
    return found.isFile() ? await use(handle, found.size) : undefined
  } finally {
    await handle.close()
  }
}
