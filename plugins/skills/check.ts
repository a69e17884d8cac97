// Finds everything that is wrong with a pipeline beyond its shape; must never stop at the first problem.
import { compileSchema, describeThrown, type Json, type JsonObject, TOOL_ID } from 'cloned/kernel'
import { parseTemplate, type Reference } from './template.js'

/** Something wrong at a place of a file. */
export interface Problem {
  readonly at: readonly (string | number)[]
  readonly message: string
}

/** pack.yaml as its schema leaves it. */
export interface PackFile {
  readonly id: string
  readonly version: string
  readonly title: string
  readonly description: string
  readonly allowed_tools: readonly string[]
}

/** A file of pipelines/ as its schema leaves it. */
export interface PipelineFile {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly inputs: JsonObject
  readonly allowed_tools: readonly string[]
  readonly steps: readonly { readonly id: string; readonly tool: string; readonly input?: JsonObject }[]
  readonly output?: Json
}

/** Problems of pack.yaml. */
export function packProblems(pack: PackFile): readonly Problem[] {
  return toolProblems(pack.allowed_tools)
}

/** Problems of one pipeline of a pack. */
export function pipelineProblems(file: PipelineFile, pack: PackFile): readonly Problem[] {
  const problems: Problem[] = [...toolProblems(file.allowed_tools), ...inputsProblems(file.inputs)]
  if (file.id !== pack.id && !file.id.startsWith(`${pack.id}/`)) {
    problems.push({ at: ['id'], message: `must be "${pack.id}" or start with "${pack.id}/", after its pack` })
  }
  const all = file.steps.map(({ id }) => id)
  const earlier = new Set<string>()
  for (const [i, step] of file.steps.entries()) {
    const at = (...rest: (string | number)[]) => ['steps', i, ...rest]
    if (earlier.has(step.id)) problems.push({ at: at('id'), message: `"${step.id}" is the id of an earlier step` })
    if (!file.allowed_tools.includes(step.tool)) {
      problems.push({ at: at('tool'), message: `"${step.tool}" is not in allowed_tools of the pipeline` })
    } else if (!pack.allowed_tools.includes(step.tool)) {
      problems.push({ at: at('tool'), message: `"${step.tool}" is not in allowed_tools of the pack` })
    }
    problems.push(...templateProblems(step.input ?? {}, at('input'), { file, earlier, all }))
    earlier.add(step.id)
  }
  if (file.output !== undefined) problems.push(...templateProblems(file.output, ['output'], { file, earlier, all }))
  return problems
}

function toolProblems(tools: readonly string[]): Problem[] {
  return tools.flatMap((tool, i) =>
    TOOL_ID.test(tool) ? [] : [{ at: ['allowed_tools', i], message: `"${tool}" is not a full tool id like a.b@v1` }],
  )
}

function inputsProblems(inputs: JsonObject): Problem[] {
  if (inputs['type'] !== 'object') return [{ at: ['inputs'], message: 'must be a schema of type object' }]
  try {
    compileSchema(inputs)
    return []
  } catch (error) {
    return [{ at: ['inputs'], message: `is not a JSON Schema: ${describeThrown(error)}` }]
  }
}

interface Known {
  readonly file: PipelineFile
  readonly earlier: ReadonlySet<string>
  readonly all: readonly string[]
}

function templateProblems(template: Json, at: readonly (string | number)[], known: Known): Problem[] {
  if (typeof template === 'string') return textProblems(template, known).map((message) => ({ at, message }))
  if (template === null || typeof template !== 'object') return []
  return Object.entries(template).flatMap(([key, item]) => {
    const here = [...at, Array.isArray(template) ? Number(key) : key]
    const inKey = key.includes('${{') ? [{ at: here, message: 'a key cannot hold a template' }] : []
    return [...inKey, ...templateProblems(item as Json, here, known)]
  })
}

function textProblems(text: string, known: Known): string[] {
  try {
    return parseTemplate(text).flatMap((part) =>
      typeof part === 'string' ? [] : (referenceProblem(part, known) ?? []),
    )
  } catch (error) {
    return [describeThrown(error)]
  }
}

function referenceProblem({ text, path }: Reference, { file, earlier, all }: Known): string | undefined {
  const [root, name, part] = path
  if (root === 'inputs') {
    const { properties, additionalProperties } = file.inputs
    const closed = additionalProperties === false
    if (!closed || name === undefined || Object.hasOwn((properties ?? {}) as JsonObject, name)) return undefined
    return `\${{ ${text} }}: the inputs do not declare "${name}"`
  }
  if (root !== 'steps') return `\${{ ${text} }}: a template starts with "inputs." or "steps."`
  if (typeof name !== 'string' || part !== 'output') return `\${{ ${text} }}: write steps.<id>.output`
  if (earlier.has(name)) return undefined
  if (all.includes(name)) return `\${{ ${text} }}: step "${name}" has not run by then`
  return `\${{ ${text} }}: there is no step "${name}"`
}
