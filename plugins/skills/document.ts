// Says what pack.yaml and the files of pipelines/ hold, as their schemas leave them; types only.
import type { Json, JsonObject } from 'cloned/kernel'
import type { PackConstitution } from '../package/slot.js'

/** `constitution` of a pack, a pipeline or a step. */
export type ConstitutionDocument = PackConstitution

/** `requires` of a pack or a pipeline. */
export interface RequirementsDocument {
  /** Semver ranges by connector id. */
  readonly connectors?: { readonly [id: string]: string }
}

/** `pack.yaml` (schemas/skill_pack.schema.json). */
export interface PackDocument {
  readonly format: 1
  /** At least two lower-case words joined by dots or hyphens. */
  readonly id: string
  /** Semantic version. */
  readonly version: string
  readonly title: string
  readonly description: string
  /** Id of the publisher who signs it. */
  readonly publisher?: string
  readonly requires?: RequirementsDocument
  /** Full tool ids. No pipeline of the pack may call another. */
  readonly allowed_tools: readonly string[]
  readonly constitution?: ConstitutionDocument
}

/** One of `steps`; it has exactly one of `tool`, `approval` and `pipeline`. */
export interface StepDocument {
  readonly id: string
  readonly if?: string
  readonly for_each?: {
    readonly items: string | readonly Json[]
    readonly concurrency?: number
    readonly max_items?: number
  }
  readonly retry?: { readonly max_attempts: number; readonly backoff_ms?: number; readonly max_backoff_ms?: number }
  readonly timeout_ms?: number
  readonly on_denied?: 'fail' | 'skip'
  readonly allowed_tools?: readonly string[]
  readonly constitution?: ConstitutionDocument
  readonly tool?: string
  readonly input?: JsonObject
  readonly approval?: { readonly message: string; readonly show?: Json }
  readonly pipeline?: string
  readonly inputs?: JsonObject
}

/** A file of `pipelines/` (schemas/pipeline.schema.json). */
export interface PipelineDocument {
  readonly format: 1
  /** The id of the pack, or the id of the pack, a slash and a name. */
  readonly id: string
  readonly title: string
  readonly description: string
  /** JSON Schema of the inputs, of type object. */
  readonly inputs: JsonObject
  /** What it needs besides what its pack needs. */
  readonly requires?: RequirementsDocument
  readonly allowed_tools: readonly string[]
  readonly constitution?: ConstitutionDocument
  readonly steps: readonly StepDocument[]
  readonly output?: Json
}

/** Something wrong at a place of a document. */
export interface Problem {
  readonly at: readonly (string | number)[]
  readonly message: string
}
