// Checks packs and pipelines that are written in TypeScript, by the rules of those in files; never later than their definition.
import { ClonedError, compileSchema, type Json, readSchema, snapshot } from 'cloned/kernel'
import { packProblems, pipelineProblems } from './check.js'
import { compilePipeline } from './compile.js'
import type { PackDocument, PipelineDocument, Problem } from './document.js'
import type { Declared } from './file.js'
import type { SkillPack } from './pack.js'
import type { DefinedSkillPack } from './slot.js'

/** Defines a pipeline: what its file would hold. Throws `PIPELINE_INVALID` with every problem. */
export function definePipeline(document: PipelineDocument): PipelineDocument {
  const { id, allowed_tools } = document
  // What a pack adds is checked with the pack.
  const alone: PackDocument = {
    format: 1,
    id: String(id).split('/')[0] ?? '',
    version: '0.0.0',
    title: '',
    description: '',
    allowed_tools,
  }
  return declared(document, 'pipeline', (value: PipelineDocument) => pipelineProblems(value, alone))
}

/** Defines a pack of pipelines for `skillPacksCollection`. Throws `PIPELINE_INVALID` with every problem. */
export function defineSkillPack(pack: PackDocument, pipelines: readonly PipelineDocument[]): DefinedSkillPack {
  const head = declared(pack, 'skill_pack', packProblems)
  const ids = new Set<string>()
  const checked = pipelines.map((pipeline) =>
    declared(pipeline, 'pipeline', (value: PipelineDocument) => [
      ...(ids.has(value.id) ? [{ at: ['id'], message: 'is the id of another pipeline of the pack' }] : []),
      ...pipelineProblems(value, head),
      ...(ids.add(value.id) && []),
    ]),
  )
  return Object.freeze({ pack: head, pipelines: Object.freeze(checked) })
}

/** A defined pack as if it had been read. */
export function readDefined({ pack, pipelines }: DefinedSkillPack): SkillPack {
  // Judged again: what a plugin contributes need not come from defineSkillPack.
  const sound = defineSkillPack(pack, pipelines)
  return {
    directory: '',
    document: sound.pack,
    pipelines: sound.pipelines.map((value) => {
      const file: Declared<PipelineDocument> = {
        path: value.id,
        value,
        refuse: (problems) => invalid(value.id, problems),
      }
      return { part: compilePipeline(value, sound.pack), file }
    }),
  }
}

function declared<T extends { readonly id: string }>(
  document: T,
  schema: string,
  check: (value: T) => readonly Problem[],
): T {
  const value = snapshot(document, { depth: 64, bytes: 4 * 1024 * 1024 })
  const shape = compileSchema(readSchema(schema))(value).map(({ path, message }) => ({ at: [path.slice(1)], message }))
  const problems = shape.length > 0 ? shape : check(value as Json as unknown as T)
  if (problems.length > 0) throw invalid(String(document.id), problems)
  return value as Json as unknown as T
}

function invalid(pipeline: string, problems: readonly Problem[]): ClonedError {
  const worded = problems.map(({ at, message }) => `/${at.join('/')} ${message}`).join('; ')
  return new ClonedError('PIPELINE_INVALID', { pipeline, problems: worded })
}
