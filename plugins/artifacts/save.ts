// Saves an artifact in one step: a reader sees all of it or nothing, and nothing that is saved is ever changed.
import { randomBytes } from 'node:crypto'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type AuditLog, ClonedError, describeThrown, fail, HandlerError, type JsonObject, sha256 } from 'cloned/kernel'
import type { Keys } from '../keys/slot.js'
import { sealBundle } from './bundle.js'
import { callsBehind } from './calls.js'
import { filenameProblem, isMediaType, mediaTypeOf } from './filename.js'
import type { ArtifactManifest, Artifacts, NewArtifact } from './slot.js'
import { discard, STAGING, sweep, syncDirectory, TooLarge, writeContent, writeSealed } from './staging.js'
import { type Facts, statementOf } from './statement.js'

/** The file beside `content/` that is signed. */
export const MANIFEST = 'manifest.sigstore.json'
/** The series of the workspace's keys that signs artifacts. */
export const PURPOSE = 'artifacts'
/** Largest manifest, bytes; some 20,000 calls. */
export const MAX_MANIFEST_BYTES = 16 * 1024 * 1024

interface SaveDeps {
  /** Absolute path of `.cloned/artifacts`; known from `onStart` on. */
  readonly directory: () => string
  /** Id of the workspace. */
  readonly workspace: () => string
  readonly keys: Pick<Keys, 'signer'>
  readonly audit: Pick<AuditLog, 'find'>
  /** What is known of the call; a throw fails the save. */
  readonly provenance: (call: Parameters<Artifacts['save']>[1]) => JsonObject
  /** Bytes of the largest content. */
  readonly maxBytes: number
  readonly now: () => number
}

/** See {@link Artifacts.save}. */
export async function saveArtifact(
  { filename, content, mediaType = mediaTypeOf(filename), sources = [] }: NewArtifact,
  call: Parameters<Artifacts['save']>[1],
  deps: SaveDeps,
): Promise<ArtifactManifest> {
  const problem = filenameProblem(filename) ?? (isMediaType(mediaType) ? undefined : 'its media type is not one')
  if (problem) throw refused(problem)
  const directory = deps.directory()
  const staged = join(directory, STAGING, randomBytes(12).toString('hex'))
  let manifest: ArtifactManifest
  try {
    const provenance = deps.provenance(call)
    const { size, sha256: hash } = await writeContent(staged, filename, content, deps.maxBytes, call.signal)
    const { calls, packages, upTo } = await callsBehind(deps.audit, call)
    const facts: Facts = {
      filename,
      media_type: mediaType,
      size,
      sha256: hash,
      created_at: new Date(deps.now()).toISOString(),
      created_by: call.actor.id,
      call_id: call.callId,
      workspace: deps.workspace(),
      provenance,
      calls,
      packages,
      sources,
      upTo,
    }
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
    const cause = await discard(staged, error)
    if (cause instanceof TooLarge) throw refused(cause.message)
    throw unsaved(cause, 'none')
  }
  try {
    await syncDirectory(directory)
    await syncDirectory(join(directory, '..'))
  } catch (error) {
    throw unsaved(error, 'unknown')
  }
  return manifest
}

/** The failure of a save that left no artifact, or that may not survive a power cut. */
export function unsaved(error: unknown, effect: 'none' | 'unknown'): HandlerError {
  const { message, code, help } = new ClonedError('ARTIFACT_UNSAVED', { cause: describeThrown(error) })
  return new HandlerError(message, { effect, code, help })
}

/** The failure of a save that was refused before anything was kept. */
export function refused(reason: string): HandlerError {
  const { message, code, help } = new ClonedError('ARTIFACT_REFUSED', { reason })
  return fail(message, { code, help })
}
