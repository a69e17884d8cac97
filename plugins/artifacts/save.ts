// Saves an artifact in one step: a reader sees all of it or nothing, and nothing that is saved is ever changed.
import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ClonedError, describeThrown, fail, HandlerError, sha256 } from 'cloned/kernel'
import { filenameProblem, mediaTypeOf } from './filename.js'
import type { ArtifactManifest } from './slot.js'

/** Largest artifact, bytes. */
export const MAX_ARTIFACT_BYTES = 16 * 1024 * 1024
const STAGING = '.staging'
const STALE_MS = 24 * 3_600_000

/** What is saved. */
export interface NewArtifact {
  readonly filename: string
  readonly content: string
  readonly mediaType?: string | undefined
  readonly callId: string
  readonly createdBy: string
  readonly provenance: ArtifactManifest['provenance']
}

/**
 * Saves an artifact under a fresh id below `directory` and answers its manifest; durable when it resolves.
 * Throws `ARTIFACT_REFUSED` for a name or size, `ARTIFACT_UNSAVED` when the disk refuses; both say what is left behind.
 */
export async function saveArtifact(
  directory: string,
  artifact: NewArtifact,
  now: () => number,
): Promise<ArtifactManifest> {
  const bytes = Buffer.from(artifact.content)
  const problem =
    bytes.byteLength > MAX_ARTIFACT_BYTES ? `it has ${bytes.byteLength} bytes` : filenameProblem(artifact.filename)
  if (problem) throw refused(problem)
  const manifest: ArtifactManifest = {
    version: 1,
    id: `art_${randomBytes(12).toString('hex')}`,
    filename: artifact.filename,
    media_type: artifact.mediaType ?? mediaTypeOf(artifact.filename),
    size: bytes.byteLength,
    sha256: sha256(bytes),
    created_at: new Date(now()).toISOString(),
    created_by: artifact.createdBy,
    call_id: artifact.callId,
    provenance: artifact.provenance,
  }
  const staged = join(directory, STAGING, manifest.id)
  try {
    await stage(staged, manifest, bytes)
    await sweep(join(directory, STAGING), (await stat(staged)).mtimeMs)
    await rename(staged, join(directory, manifest.id))
  } catch (error) {
    throw unsaved(await discard(staged, error), 'none')
  }
  try {
    await syncDirectory(directory)
    await syncDirectory(join(directory, '..'))
  } catch (error) {
    throw unsaved(error, 'unknown')
  }
  return manifest
}

async function stage(staged: string, manifest: ArtifactManifest, bytes: Buffer): Promise<void> {
  await mkdir(join(staged, 'content'), { recursive: true, mode: 0o700 })
  await writeSealed(join(staged, 'content', manifest.filename), bytes)
  await syncDirectory(join(staged, 'content'))
  await writeSealed(join(staged, 'manifest.json'), Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`))
  await syncDirectory(staged)
}

/** Writes a file that is not meant to be written again. */
async function writeSealed(path: string, bytes: Buffer): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.chmod(0o444)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Removes what was staged; answers the cause of the failure, with a second one when that fails too. */
async function discard(staged: string, cause: unknown): Promise<unknown> {
  try {
    await rm(staged, { recursive: true, force: true })
    return cause
  } catch (error) {
    return new AggregateError([cause, error], `${describeThrown(cause)}; removing ${staged}: ${describeThrown(error)}`)
  }
}

/**
 * Removes what killed processes left half written. Another process may be staging now, hence the age, by the clock that
 * stamps the files: the kernel's may be another.
 */
async function sweep(staging: string, now: number): Promise<void> {
  for (const name of await readdir(staging)) {
    const path = join(staging, name)
    const found = await stat(path).catch((error: unknown) => {
      if ((error as { code?: string }).code === 'ENOENT') return undefined
      throw error
    })
    if (found && now - found.mtimeMs > STALE_MS) await rm(path, { recursive: true, force: true })
  }
}

/** The failure of a save that left no artifact, or that may not survive a power cut. */
export function unsaved(error: unknown, effect: 'none' | 'unknown'): HandlerError {
  const { message, code, help } = new ClonedError('ARTIFACT_UNSAVED', { cause: describeThrown(error) })
  return new HandlerError(message, { effect, code, help })
}

function refused(reason: string): HandlerError {
  const { message, code, help } = new ClonedError('ARTIFACT_REFUSED', { reason })
  return fail(message, { code, help })
}
