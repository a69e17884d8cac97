// Reads one skill pack from its directory; all its pipelines are good or none is given out.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type ClonedError, isClonedError, readSchema } from 'cloned/kernel'
import { packProblems, pipelineProblems } from './check.js'
import { compilePipeline } from './compile.js'
import type { PackDocument, PipelineDocument, Problem } from './document.js'
import { type Declared, fileInvalid, readDeclared } from './file.js'
import { readSkill } from './skill-md.js'
import type { PipelinePart } from './slot.js'

const MAX_PIPELINES = 200

/** A pack that has been read. */
export interface SkillPack {
  readonly directory: string
  readonly document: PackDocument
  readonly pipelines: readonly ReadPipeline[]
}

/** One of its pipelines; what it names outside of its pack is not checked yet. */
export interface ReadPipeline {
  readonly part: PipelinePart
  readonly file: Declared<PipelineDocument>
}

/** Throws the first error of {@link readWhole}. */
export function readPack(directory: string, options: ReadOptions = {}): SkillPack {
  const { pack, errors } = readWhole(directory, options)
  if (errors[0]) throw errors[0]
  if (!pack) throw new TypeError('a pack without errors was not read')
  return pack
}

export interface ReadOptions {
  /** Whether the name in SKILL.md must be the name of the directory: not in a package, whose directory is its digest. */
  readonly named?: boolean
}

/** Reads SKILL.md, pack.yaml and pipelines/*.yaml. Answers one `FILE_INVALID` for every file that is not right. */
export function readWhole(
  directory: string,
  { named = true }: ReadOptions = {},
): { readonly pack?: SkillPack; readonly errors: readonly ClonedError[] } {
  const errors: ClonedError[] = []
  const trying = <T>(work: () => T): T | undefined => {
    try {
      return work()
    } catch (error) {
      if (!isClonedError(error)) throw error
      errors.push(error)
      return undefined
    }
  }
  const head = trying(() =>
    mustBeRight(readDeclared<PackDocument>(join(directory, 'pack.yaml'), readSchema('skill_pack')), packProblems),
  )
  if (!head) return { errors }
  const document = head.value
  const skill = join(directory, 'SKILL.md')
  if (existsSync(skill)) trying(() => readSkill(skill, document, named ? directory : undefined))
  const files = new Map<string, string>()
  const pipelines = (trying(() => pipelineFiles(directory)) ?? []).flatMap((path) => {
    const read = trying(() => readPipeline(path, document, files))
    return read ? [read] : []
  })
  return errors.length > 0 ? { errors } : { pack: { directory, document, pipelines }, errors }
}

function readPipeline(path: string, pack: PackDocument, files: Map<string, string>): ReadPipeline {
  const file = mustBeRight(readDeclared<PipelineDocument>(path, readSchema('pipeline')), (value) => {
    const other = files.get(value.id)
    const taken = other ? [{ at: ['id'], message: `"${value.id}" is the id of ${other} too` }] : []
    return [...taken, ...pipelineProblems(value, pack)]
  })
  files.set(file.value.id, path)
  return { part: compilePipeline(file.value, pack), file }
}

function mustBeRight<T>(file: Declared<T>, check: (value: T) => readonly Problem[]): Declared<T> {
  const problems = check(file.value)
  if (problems.length > 0) throw file.refuse(problems)
  return file
}

function pipelineFiles(directory: string): string[] {
  const folder = join(directory, 'pipelines')
  const names = existsSync(folder) ? readdirSync(folder).sort() : []
  const other = names.find((name) => name.endsWith('.yml'))
  if (other) throw fileInvalid(join(folder, other), '', 'the name must end in .yaml')
  const paths = names.filter((name) => name.endsWith('.yaml')).map((name) => join(folder, name))
  if (paths.length > MAX_PIPELINES) throw fileInvalid(folder, '', `more than ${MAX_PIPELINES} pipelines`)
  return paths
}
