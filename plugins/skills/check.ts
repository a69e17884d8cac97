// Finds everything that is wrong with a document beyond its shape, as far as it needs no tools; never stops at the first.
import { compileSchema, describeThrown, type JsonObject, TOOL_ID } from 'cloned/kernel'
import valid from 'semver/functions/valid.js'
import validRange from 'semver/ranges/valid.js'
import { constitutionProblems } from './check-constitution.js'
import { TemplateCheck } from './check-templates.js'
import type { PackDocument, PipelineDocument, Problem, StepDocument } from './document.js'
import { reachProblems } from './reach.js'

/** Problems of pack.yaml. */
export function packProblems(pack: PackDocument): readonly Problem[] {
  return [
    ...(valid(pack.version) ? [] : [{ at: ['version'], message: 'is not a semantic version' }]),
    ...rangeProblems(pack),
    ...toolProblems(pack.allowed_tools, ['allowed_tools']),
    ...constitutionProblems(pack.constitution, ['constitution']),
  ]
}

/** Problems of one pipeline of a pack. */
export function pipelineProblems(document: PipelineDocument, pack: PackDocument): readonly Problem[] {
  const { id, inputs, steps, output } = document
  const problems: Problem[] = [
    ...toolProblems(document.allowed_tools, ['allowed_tools']),
    ...constitutionProblems(document.constitution, ['constitution']),
    ...rangeProblems(document),
    ...inputsProblems(inputs),
  ]
  if (id !== pack.id && !id.startsWith(`${pack.id}/`)) {
    problems.push({ at: ['id'], message: `must be "${pack.id}" or start with "${pack.id}/", after its pack` })
  }
  const allowed = { pipeline: new Set(document.allowed_tools), pack: new Set(pack.allowed_tools) }
  const templates = new TemplateCheck(inputs, steps)
  for (const [i, step] of steps.entries()) {
    const at = ['steps', i]
    if (templates.ended(step.id))
      problems.push({ at: [...at, 'id'], message: `"${step.id}" is the id of an earlier step` })
    problems.push(
      ...shapeProblems(step, at),
      ...toolProblems(step.allowed_tools ?? [], [...at, 'allowed_tools']),
      ...constitutionProblems(step.constitution, [...at, 'constitution']),
      ...outsideProblems(step, at, allowed),
      ...reachProblems(step, at),
      ...templates.step(step, at),
    )
  }
  if (output !== undefined) problems.push(...templates.any(output, ['output']))
  return problems
}

function rangeProblems({ requires }: Pick<PackDocument, 'requires'>): Problem[] {
  return Object.entries(requires?.connectors ?? {})
    .filter(([, range]) => validRange(range) === null)
    .map(([id]) => ({ at: ['requires', 'connectors', id], message: 'is not a range of semantic versions' }))
}

const KINDS = ['tool', 'approval', 'pipeline'] as const
/** What only one kind of step has. */
const OWN = { input: 'tool', retry: 'tool', inputs: 'pipeline' } as const

function shapeProblems(step: StepDocument, at: readonly (string | number)[]): Problem[] {
  const kinds = KINDS.filter((kind) => step[kind] !== undefined)
  if (kinds.length !== 1) {
    const found = kinds.length === 0 ? 'none' : kinds.join(' and ')
    return [{ at, message: `has ${found} of tool, approval and pipeline; a step has exactly one` }]
  }
  return Object.entries(OWN).flatMap(([key, kind]) =>
    kind !== kinds[0] && step[key as keyof StepDocument] !== undefined
      ? [{ at: [...at, key], message: `is for steps with ${kind}` }]
      : [],
  )
}

function outsideProblems(
  { tool, allowed_tools: own }: StepDocument,
  at: readonly (string | number)[],
  { pipeline, pack }: { readonly pipeline: ReadonlySet<string>; readonly pack: ReadonlySet<string> },
): Problem[] {
  if (tool === undefined) return []
  const outside = !pipeline.has(tool)
    ? 'the pipeline'
    : !pack.has(tool)
      ? 'the pack'
      : own && !own.includes(tool)
        ? 'the step'
        : undefined
  return outside === undefined
    ? []
    : [{ at: [...at, 'tool'], message: `"${tool}" is not in allowed_tools of ${outside}` }]
}

function toolProblems(tools: readonly string[], at: readonly (string | number)[]): Problem[] {
  return tools.flatMap((tool, i) =>
    TOOL_ID.test(tool) ? [] : [{ at: [...at, i], message: `"${tool}" is not a full tool id like a.b@v1` }],
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
