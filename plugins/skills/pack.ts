// Reads one skill pack from its directory; all its pipelines are good or none is given out.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { digest, type Json, readSchema, snapshot } from 'cloned/kernel'
import { type PackFile, type PipelineFile, packProblems, pipelineProblems } from './check.js'
import { fileInvalid, readDeclared } from './file.js'
import type { Pipeline } from './slot.js'

const MAX_PIPELINES = 200

/** A pack that has been read. */
export interface SkillPack {
  readonly id: string
  readonly directory: string
  readonly pipelines: readonly Pipeline[]
}

/** Reads pack.yaml and pipelines/*.yaml. Throws `FILE_INVALID` for the first file that is not right. */
export function readPack(directory: string): SkillPack {
  const pack = readDeclared<PackFile>(join(directory, 'pack.yaml'), readSchema('skill_pack'), packProblems)
  const files = new Map<string, string>()
  const pipelines = pipelineFiles(directory).map((path) => {
    const file = readDeclared<PipelineFile>(path, readSchema('pipeline'), (value) => {
      const other = files.get(value.id)
      const taken = other ? [{ at: ['id'], message: `"${value.id}" is the id of ${other} too` }] : []
      return [...taken, ...pipelineProblems(value, pack)]
    })
    files.set(file.id, path)
    return pipelineOf(file, pack)
  })
  return { id: pack.id, directory, pipelines }
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

function pipelineOf(file: PipelineFile, pack: PackFile): Pipeline {
  const last = file.steps.at(-1)
  const pipeline = snapshot({
    id: file.id,
    pack: pack.id,
    packVersion: pack.version,
    title: file.title,
    description: file.description,
    inputs: file.inputs,
    allowedTools: file.allowed_tools.filter((tool) => pack.allowed_tools.includes(tool)),
    steps: file.steps.map(({ id, tool, input }) => ({ id, tool, input: input ?? {} })),
    output: file.output ?? `\${{ steps.${last?.id}.output }}`,
  })
  return snapshot({ ...(pipeline as object), digest: digest(pipeline as Json) }) as unknown as Pipeline
}
