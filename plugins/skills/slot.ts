// Names the skills service and the list of skill packs; interface and tokens only.
import { collection, type Json, type JsonObject, slot } from 'cloned/kernel'

/** One step of a pipeline: a tool call. Its input may hold templates over `inputs` and earlier `steps`. */
export interface PipelineStep {
  readonly id: string
  readonly tool: string
  readonly input: Json
}

export interface Pipeline {
  /** `<pack>` or `<pack>/<name>`: what `cloned run` takes. */
  readonly id: string
  readonly pack: string
  readonly packVersion: string
  readonly title: string
  readonly description: string
  /** JSON Schema of the inputs. */
  readonly inputs: JsonObject
  /** Tools that its steps may call; a call outside is denied. Intersection of pack and pipeline. */
  readonly allowedTools: readonly string[]
  readonly steps: readonly PipelineStep[]
  /** Template of what a finished run answers. */
  readonly output: Json
  /** SHA-256 of the canonical pipeline. */
  readonly digest: string
}

/** A skill pack: `pack.yaml` and `pipelines/*.yaml` in one directory. Absolute path. */
export interface SkillPackSource {
  readonly directory: string
}

export interface Skills {
  /** Every pipeline of every pack, sorted by id. Throws `FILE_INVALID` for a pack that does not validate. */
  pipelines(): Promise<readonly Pipeline[]>
  pipeline(id: string): Promise<Pipeline | undefined>
  /** Fills a template: a whole-string `${{ path }}` becomes the value, an embedded one its text. */
  fill(template: Json, scope: JsonObject): Json
}

export const skillsSlot = slot<Skills>('cloned.skills', { contract: 1 })
/** Skill packs that plugins bring; packs in `.cloned/skills/*` are found besides. */
export const skillPacksCollection = collection<SkillPackSource>('cloned.skill-packs', { contract: 1 })
