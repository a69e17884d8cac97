// Names the artifacts service and the list of provenance sources; interfaces and tokens only.
import { type Actor, collection, type Json, type JsonObject, slot } from 'cloned/kernel'

/** What `.cloned/artifacts/<id>/manifest.json` says (schemas/artifact_manifest.schema.json). */
export interface ArtifactManifest {
  readonly version: 1
  readonly id: string
  readonly filename: string
  readonly media_type: string
  readonly size: number
  /** SHA-256 of the content, hex. */
  readonly sha256: string
  readonly created_at: string
  readonly created_by: string
  /** The governed call that saved it; its intent and outcome are in the audit log. */
  readonly call_id: string
  /** Where it came from: `actor` always; the run with its pipeline and inputs digest when a run saved it. */
  readonly provenance: { readonly [key: string]: Json }
}

export interface Artifacts {
  /** Newest first. */
  list(): Promise<readonly ArtifactManifest[]>
  get(id: string): Promise<{ manifest: ArtifactManifest; path: string; intact: boolean } | undefined>
}

export const artifactsSlot = slot<Artifacts>('cloned.artifacts', { contract: 1 })

/** A plugin that knows where the call that saves an artifact came from. */
export interface ProvenanceSource {
  /**
   * What this plugin knows of the call, or nothing; its keys join the manifest's `provenance`. Must not trust an actor
   * that is only `claimed`. A throw, or a key that another source has given, fails the save before anything is written.
   */
  describe(call: { readonly callId: string; readonly actor: Actor }): JsonObject | undefined
}

export const provenanceCollection = collection<ProvenanceSource>('cloned.provenance', { contract: 1 })
