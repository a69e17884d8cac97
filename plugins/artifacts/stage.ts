// Gathers what a manifest will say, the content written on the way; must never let anything stand, nor sign it.
import type { AuditLog, JsonObject } from 'cloned/kernel'
import { callsBehind } from './calls.js'
import { filenameProblem, isMediaType, mediaTypeOf } from './filename.js'
import type { ArtifactManifest, Artifacts, NewArtifact } from './slot.js'
import { Refused, writeContent } from './staging.js'

/** Everything that a manifest says, besides the id that follows from it. */
export interface Facts extends Omit<ArtifactManifest, 'id'> {
  /** The audit log up to here was read. */
  readonly upTo: number
}

/** What facts are gathered with. */
export interface StageParts {
  /** Id of the workspace. */
  readonly workspace: () => string
  readonly audit: Pick<AuditLog, 'find'>
  /** What is known of the call; a throw fails the save. */
  readonly provenance: (call: Parameters<Artifacts['save']>[1]) => JsonObject
  /** Bytes of the largest content. */
  readonly maxBytes: number
  readonly now: () => number
}

/**
 * Writes the content to `content/<filename>` of the directory `staged`, read-only and synced, and answers what can be said of
 * it. What it throws, `failureOf` words; the caller removes `staged`.
 */
export async function stageArtifact(
  { filename, content, mediaType = mediaTypeOf(filename), sources = [] }: NewArtifact,
  call: Parameters<Artifacts['save']>[1],
  staged: string,
  { workspace, audit, provenance, maxBytes, now }: StageParts,
): Promise<Facts> {
  const problem = filenameProblem(filename) ?? (isMediaType(mediaType) ? undefined : 'its media type is not one')
  if (problem !== undefined) throw new Refused(problem)
  const known = provenance(call)
  const written = await writeContent(staged, filename, content, maxBytes, call.signal)
  return {
    filename,
    media_type: mediaType,
    ...written,
    created_at: new Date(now()).toISOString(),
    created_by: call.actor.id,
    call_id: call.callId,
    workspace: workspace(),
    provenance: known,
    ...(await callsBehind(audit, call)),
    sources,
  }
}
