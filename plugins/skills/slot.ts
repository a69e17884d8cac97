// Names the skills service, its model of packs and pipelines, and the list of skill packs; holds no implementation.
import { collection, type Json, type JsonObject, slot } from 'cloned/kernel'
import type { PackDocument, PipelineDocument } from './document.js'

export type {
  ConstitutionDocument,
  PackDocument,
  PipelineDocument,
  RequirementsDocument,
  StepDocument,
} from './document.js'

/** What the calls of a pack, a pipeline or a step are held to. An absent member adds no limit; every level counts. */
export interface Constitution {
  /** Whose it is, for people: `pack acme.report`, `pipeline acme.report/weekly`, `step scan of acme.report/weekly`. */
  readonly of: string
  /** Full tool ids. */
  readonly allowedTools?: readonly string[]
  /** Capabilities of tools: `fs.read`, or `fs.*` for every capability that starts with `fs.`. */
  readonly capabilities?: readonly string[]
  /** Files and directories of the workspace that tools of `fs.*` capabilities may name; a directory holds what is in it. */
  readonly dataSources?: readonly string[]
  /** Hosts, `*.example.com` for every host under one. What the policy does not allow stays denied. */
  readonly egress?: readonly string[]
  /** Cost by budget category of everything called since it began. */
  readonly maxCost?: { readonly [category: string]: number }
  /** Milliseconds since it began: the run for a pack and a pipeline, the step for a step. Waiting counts. */
  readonly maxDurationMs?: number
}

/** Repeats a step whose tool is idempotent, after a failure that is no denial. */
export interface Retry {
  /** The first attempt included, 2 to 10. */
  readonly maxAttempts: number
  /** Before the second attempt; doubles from attempt to attempt. */
  readonly backoffMs: number
  readonly maxBackoffMs: number
}

/** Repeats a step for every item of a list. Its output is the list of the outputs, in the order of the items. */
export interface ForEach {
  /** Template of the list. */
  readonly items: Json
  /** How many items are in hand at once, 1 to 32. */
  readonly concurrency: number
  /** A longer list fails the step before its first item. */
  readonly maxItems: number
}

/** What all steps have in common. Templates may name `inputs`, earlier `steps` and, inside `for_each`, `item` and `index`. */
interface StepBase {
  readonly id: string
  /** Template that must give a boolean, judged once, before `forEach`; `false` skips the step, whose output is then null. */
  readonly if?: string
  readonly forEach?: ForEach
  /**
   * After a denial by the policy or by a person: `fail` the run, or `skip` what was denied, whose output is then null.
   * A call outside the constitution fails the run in any case.
   */
  readonly onDenied: 'fail' | 'skip'
  /** Milliseconds for one attempt of one item; waiting for a person does not count. Absent: the tool's own limit. */
  readonly timeoutMs?: number
  /** The step's own; those of its pipeline and pack hold besides. */
  readonly constitution: Constitution
}

/** Calls a tool. Its output is the tool's. */
export interface CallStep extends StepBase {
  readonly kind: 'call'
  readonly tool: string
  /** Template. */
  readonly input: Json
  readonly retry?: Retry
}

/** Asks a person. Its output is `{ approved: true }`. */
export interface ApprovalStep extends StepBase {
  readonly kind: 'approval'
  /** Template of the question, a text. */
  readonly message: string
  /** Template of what is shown with the question. */
  readonly show: Json
}

/** Runs another pipeline as a part of this run. Its output is that pipeline's. */
export interface SubPipelineStep extends StepBase {
  readonly kind: 'pipeline'
  /** Id; its definition stands in {@link Pipeline.parts} of the pipeline that is run. */
  readonly pipeline: string
  /** Template of its inputs, checked against its schema before its first step. */
  readonly inputs: Json
}

/** One step. They run one after the other, in the order of the file. */
export type PipelineStep = CallStep | ApprovalStep | SubPipelineStep

/** What a pack needs before anything of it runs. */
export interface Requirements {
  /** Semver ranges by connector id. */
  readonly connectors: { readonly [id: string]: string }
}

/** A pipeline without those that its steps name. */
export interface PipelinePart {
  /** `<pack>` or `<pack>/<name>`: what `cloned run` takes. */
  readonly id: string
  readonly pack: string
  readonly packVersion: string
  readonly title: string
  readonly description: string
  /** JSON Schema of the inputs, of type object. */
  readonly inputs: JsonObject
  /** Of the pack and of the pipeline, in this order. Those of the steps hold besides. */
  readonly constitutions: readonly Constitution[]
  readonly requires: Requirements
  readonly steps: readonly PipelineStep[]
  /** Template of what a finished run answers. */
  readonly output: Json
}

/** A pipeline with everything that its run can need: plain JSON, so that a run can keep it. */
export interface Pipeline extends PipelinePart {
  /** Tools that its steps may call: those that pack and pipeline both allow. */
  readonly allowedTools: readonly string[]
  /** Every pipeline that its steps name, and those that theirs name, by id. */
  readonly parts: { readonly [id: string]: PipelinePart }
  /** SHA-256 of the canonical pipeline, parts included. */
  readonly digest: string
}

/** What the expressions of templates may name. Members that are absent cannot be named. */
export type Scope = {
  readonly inputs: Json
  /** Steps that have ended, skipped ones with `output: null`. */
  readonly steps: { readonly [id: string]: { readonly output: Json } }
  /** Inside `for_each`. */
  readonly item?: Json
  readonly index?: number
}

/** A constitution in force for a step. */
export interface Held {
  readonly constitution: Constitution
  /** Where in the run it began: the path of a step, `''` for the run's own pipeline. */
  readonly at: string
  /** When it began, milliseconds since 1970. */
  readonly since: number
}

/** One step of a run that is about to make a call. */
export interface HeldStep {
  /** Id of the run; its calls are made by `run:<id>`. */
  readonly run: string
  /** Pipeline that the step stands in. */
  readonly pipeline: string
  /** Path of the step in the run, for people and records. */
  readonly step: string
  /**
   * Of every pipeline around the step from the outermost in, pack before pipeline; the step's own last. The first is one
   * object for as long as one process carries the run, and another one after that: what the run spent is read anew then.
   */
  readonly constitutions: readonly Held[]
}

/** A call or a connection that a constitution denied. */
export interface ConstitutionDenial {
  readonly code: string
  readonly message: string
  readonly help: string
}

/** A pack as it stands in its directory. */
export interface Pack {
  readonly id: string
  readonly version: string
  readonly title: string
  readonly description: string
  /** Id of its publisher; absent where nobody signed it. */
  readonly publisher?: string
  /** Where it lies; empty for one that a plugin defines without files. */
  readonly directory: string
  /** `installed` packs are signed and verified; the others come with a plugin or lie in `.cloned/skills`. */
  readonly origin: 'plugin' | 'workspace' | 'installed'
  readonly constitution: Constitution
  readonly requires: Requirements
  /** Ids of its pipelines. */
  readonly pipelines: readonly string[]
}

/** A skill pack: `SKILL.md`, `pack.yaml` and `pipelines/*.yaml` in one directory (absolute path), or made by `defineSkillPack`. */
export type SkillPackSource = { readonly directory: string } | DefinedSkillPack

/** A skill pack without files. */
export interface DefinedSkillPack {
  readonly pack: PackDocument
  readonly pipelines: readonly PipelineDocument[]
}

export interface Skills {
  /**
   * Every pipeline of every pack, sorted by id. Throws for a pack that does not validate: `FILE_INVALID`, or
   * `PIPELINE_INVALID` for one without files.
   */
  pipelines(): Promise<readonly Pipeline[]>
  pipeline(id: string): Promise<Pipeline | undefined>
  /** Every pack that validates, sorted by id. */
  packs(): Promise<readonly Pack[]>
  /**
   * Checks a pipeline against the tools and connectors that are there now; before a run starts and before it goes on.
   * Throws `PACK_REQUIRES` for connectors that are missing or too old, `PIPELINE_CHECK` with every other problem.
   */
  mustRun(pipeline: Pipeline): Promise<void>
  /**
   * Fills a template: a string that is one `${{ expression }}` becomes its value, embedded ones become text. What was filled
   * in is data and never looked at again. Throws `TEMPLATE_INVALID`, `TEMPLATE_UNRESOLVED`, `VALUE_TOO_LARGE`.
   */
  fill(template: Json, scope: Scope): Json
  /**
   * Holds what is called under an idempotency key, and all that is called inside, to constitutions, until `release`.
   * Calls of runs under a key that is not held are denied. `release` answers what was denied meanwhile: the step has failed
   * then, whatever its tool made of it. One key is held once at a time.
   */
  hold(idempotencyKey: string, step: HeldStep): { release(): readonly ConstitutionDenial[] }
}

export const skillsSlot = slot<Skills>('cloned.skills', { contract: 2 })
/** Skill packs that plugins bring; packs in `.cloned/skills/*` and installed ones are found besides. */
export const skillPacksCollection = collection<SkillPackSource>('cloned.skill-packs', { contract: 1 })
