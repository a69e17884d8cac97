// Names the artifacts service and the list of provenance sources; interfaces and tokens only.
import { type Actor, collection, type HandlerContext, type Json, type JsonObject, slot } from 'cloned/kernel'

/** A governed call that a run made before it saved, by its records in the audit log. */
export interface RecordedCall {
  readonly call_id: string
  readonly tool: string
  /** How it ended; `running` for one that had not, the saving call itself among them. */
  readonly status: string
  /** SHA-256 of the tool's contract. */
  readonly contract: string
  /** The first of its records: its intent, or the outcome of a call that was not let through. */
  readonly seq: number
  /** SHA-256 of that line of the log. */
  readonly sha256: string
  readonly outcome?: { readonly seq: number; readonly sha256: string }
}

/** Something that the content was made from, named by whoever saved it; nobody has checked it. */
export interface ArtifactSource {
  /** `file:docs/index.md`, `https://…` */
  readonly uri: string
  /** SHA-256 of its bytes, hex. */
  readonly sha256: string
}

/** What the signed manifest of an artifact says (schemas/artifact_manifest.schema.json), decoded. */
export interface ArtifactManifest {
  /** `art_` and the first 24 hex digits of the SHA-256 of the signed statement: nothing of it can change under one id. */
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
  readonly workspace: string
  /** Where it came from: `actor` always; the run with its pipeline and inputs digest when a run saved it. */
  readonly provenance: { readonly [key: string]: Json }
  /** Every call of the run, or the saving call and those around it, in the order of the log. */
  readonly calls: readonly RecordedCall[]
  /** The installed packages whose tools these calls ran. */
  readonly packages: readonly { readonly id: string; readonly version: string; readonly digest: string }[]
  readonly sources: readonly ArtifactSource[]
}

/** What is saved. */
export interface NewArtifact {
  readonly filename: string
  /** All of it, or its pieces in order. */
  readonly content: string | Uint8Array | AsyncIterable<Uint8Array>
  /** Default: by the file name. */
  readonly mediaType?: string | undefined
  readonly sources?: readonly ArtifactSource[] | undefined
}

/** One thing that was checked. `ok: undefined` says that it could not be checked here, and why. */
export interface ArtifactCheck {
  readonly name: 'signature' | 'content' | 'record' | 'calls'
  readonly ok: boolean | undefined
  readonly detail: string
}

export interface Artifacts {
  /**
   * Saves in the name of a governed call, which must be running; durable when it resolves. Throws a `HandlerError`:
   * `ARTIFACT_REFUSED` for a name, type or size, `ARTIFACT_UNSAVED` when disk, log or keys refuse.
   */
  save(
    artifact: NewArtifact,
    call: Pick<HandlerContext, 'callId' | 'actor' | 'signal' | 'record'>,
  ): Promise<ArtifactManifest>
  /** Newest first, as their manifests say. Throws `FILE_INVALID` for a manifest that is not one, or of another artifact. */
  list(): Promise<readonly ArtifactManifest[]>
  /** `intact`: the workspace's own key signed the manifest, and the content is what it names. Recomputed every time. */
  get(id: string): Promise<{ manifest: ArtifactManifest; path: string; intact: boolean } | undefined>
  /**
   * Checks everything, the audit log included. An id, or the absolute path of an exported artifact; `key` (PEM) takes the
   * place of the workspace's own keys. Throws `ARTIFACT_UNKNOWN` and `FILE_INVALID`.
   */
  verify(
    artifact: string,
    key?: string,
  ): Promise<{ manifest: ArtifactManifest; path: string; checks: readonly ArtifactCheck[] }>
}

export const artifactsSlot = slot<Artifacts>('cloned.artifacts', { contract: 1 })

/** A plugin that knows where the call that saves an artifact came from. */
export interface ProvenanceSource {
  /**
   * What this plugin knows of the call, or nothing; its keys join the manifest's `provenance`. Must not trust an actor
   * that is only `claimed`. A throw, or a key that another source has given, fails the save before anything is written.
   */
  describe(call: {
    readonly callId: string
    readonly actor: Actor
    /** What the caller named the effect of the call; see `HandlerContext`. */
    readonly idempotencyKey?: string | undefined
  }): JsonObject | undefined
}

export const provenanceCollection = collection<ProvenanceSource>('cloned.provenance', { contract: 1 })
