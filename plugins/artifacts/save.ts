// Saves an artifact in one step: a reader sees all of it or nothing, and nothing that is saved is ever changed.
import { randomBytes } from 'node:crypto'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { ClonedError, describeThrown, fail, HandlerError, sha256 } from 'cloned/kernel'
import type { Keys } from '../keys/slot.js'
import { sealBundle } from './bundle.js'
import type { ArtifactManifest, Artifacts, NewArtifact } from './slot.js'
import { type StageParts, stageArtifact } from './stage.js'
import { discard, Refused, STAGING, sweep, syncDirectory, writeSealed } from './staging.js'
import { statementOf } from './statement.js'

/** The file beside `content/` that is signed. */
export const MANIFEST = 'manifest.sigstore.json'
/** The series of the workspace's keys that signs artifacts. */
export const PURPOSE = 'artifacts'
/** Largest manifest, bytes; some 20,000 calls. */
export const MAX_MANIFEST_BYTES = 16 * 1024 * 1024

interface SaveDeps extends StageParts {
  /** Absolute path of `.cloned/artifacts`; known from `onStart` on. */
  readonly directory: () => string
  readonly keys: Pick<Keys, 'signer'>
}

/** See {@link Artifacts.save}. */
export async function saveArtifact(
  artifact: NewArtifact,
  call: Parameters<Artifacts['save']>[1],
  deps: SaveDeps,
): Promise<ArtifactManifest> {
  const directory = deps.directory()
  const staged = join(directory, STAGING, randomBytes(12).toString('hex'))
  let manifest: ArtifactManifest
  try {
    const facts = await stageArtifact(artifact, call, staged, deps)
    const { calls, size, sha256: hash } = facts
    const { id, payload } = statementOf(facts)
    const bundle = Buffer.from(sealBundle(payload, await deps.keys.signer(PURPOSE)))
    if (bundle.byteLength > MAX_MANIFEST_BYTES) throw new RangeError(`its manifest would name ${calls.length} calls`)
    await writeSealed(join(staged, MANIFEST), bundle)
    await syncDirectory(staged)
    await sweep(join(directory, STAGING), staged)
    // Before the artifact stands: the log may know of one that a crash has prevented, but never the other way round.
    await call.record('artifact.saved', {
      artifact: id,
      manifest_sha256: sha256(payload),
      content_sha256: hash,
      size,
    })
    await rename(staged, join(directory, id))
    const { upTo: _, ...said } = facts
    manifest = { id, ...said }
  } catch (error) {
    throw failureOf(await discard(staged, error))
  }
  try {
    await syncDirectory(directory)
    await syncDirectory(join(directory, '..'))
  } catch (error) {
    throw unsaved(error, 'unknown')
  }
  return manifest
}

/** The failure of a save that left nothing behind: `ARTIFACT_REFUSED` for what was refused, else `ARTIFACT_UNSAVED`. */
export function failureOf(error: unknown): HandlerError {
  return error instanceof Refused ? refused(error.message) : unsaved(error, 'none')
}

/** The failure of a save that left no artifact, or that may not survive a power cut. */
function unsaved(error: unknown, effect: 'none' | 'unknown'): HandlerError {
  const { message, code, help } = new ClonedError('ARTIFACT_UNSAVED', { cause: describeThrown(error) })
  return new HandlerError(message, { effect, code, help })
}

/** The failure of a save that was refused before anything was kept. */
export function refused(reason: string): HandlerError {
  const { message, code, help } = new ClonedError('ARTIFACT_REFUSED', { reason })
  return fail(message, { code, help })
}
