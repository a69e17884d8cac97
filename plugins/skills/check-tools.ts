// Finds what keeps a pipeline from running with the tools that are there: unknown ones, forbidden ones, values that cannot fit.
import { didYouMean, type ToolContract } from 'cloned/kernel'
import type { Problem } from './document.js'
import { misfits } from './fits.js'
import { capabilityAllowed } from './permits.js'
import { partShape, type Shape, type ShapeScope, schemaShape, templateShape, UNKNOWN } from './shape.js'
import type { CallStep, Constitution, PipelinePart, PipelineStep, SubPipelineStep } from './slot.js'

export interface ToolsCheck {
  readonly tools: ReadonlyMap<string, ToolContract>
  /** Every pipeline that steps name. */
  readonly parts: { readonly [id: string]: PipelinePart }
}

type Path = readonly (string | number)[]

/** Problems at places of the pipeline's document, in its order. */
export function runProblems(part: PipelinePart, check: ToolsCheck): readonly Problem[] {
  const problems: Problem[] = []
  const missing = (at: Path) => (message: string) => problems.push({ at, message })
  const steps = new Map<string, Shape>()
  for (const [i, step] of part.steps.entries()) {
    const at = ['steps', i]
    const scope: ShapeScope = { inputs: schemaShape(part.inputs), steps }
    if (step.if !== undefined) {
      mustFit(templateShape(step.if, scope, missing([...at, 'if'])), { type: 'boolean' }, [...at, 'if'], problems)
    }
    const inside = step.forEach ? { ...scope, item: itemShape(step, scope, at, problems) } : scope
    const held = [...part.constitutions, step.constitution]
    steps.set(step.id, after(step, stepShape(step, inside, at, held, check, problems)))
  }
  templateShape(part.output, { inputs: schemaShape(part.inputs), steps }, missing(['output']))
  return problems
}

/** The shape of what a step puts out, before conditions and repetition. */
function stepShape(
  step: PipelineStep,
  scope: ShapeScope,
  at: Path,
  held: readonly Constitution[],
  check: ToolsCheck,
  problems: Problem[],
): Shape {
  const missing = (key: string) => (message: string) => problems.push({ at: [...at, key], message })
  switch (step.kind) {
    case 'approval':
      templateShape([step.message, step.show], scope, missing('approval'))
      return schemaShape({
        type: 'object',
        required: ['approved'],
        properties: { approved: { const: true } },
        additionalProperties: false,
      })
    case 'pipeline':
      return subShape(step, scope, at, held, check, problems)
    case 'call': {
      const tool = check.tools.get(step.tool)
      const shape = templateShape(step.input, scope, missing('input'))
      if (!tool) {
        problems.push({ at: [...at, 'tool'], message: unknownTool(step.tool, check.tools) })
        return UNKNOWN
      }
      problems.push(...callProblems(step, tool, at, held))
      mustFit(shape, tool.input, [...at, 'input'], problems)
      return schemaShape(tool.output)
    }
  }
}

function callProblems(step: CallStep, tool: ToolContract, at: Path, held: readonly Constitution[]): Problem[] {
  const outside = held.find((constitution) => !capabilityAllowed(constitution, tool.capability))
  return [
    ...(outside
      ? [
          {
            at: [...at, 'tool'],
            message: `has the capability ${tool.capability}, which the constitution of ${outside.of} does not list`,
          },
        ]
      : []),
    ...(step.retry && !tool.idempotent
      ? [{ at: [...at, 'retry'], message: `${tool.id} is not idempotent: repeating it could repeat its effect` }]
      : []),
  ]
}

function subShape(
  step: SubPipelineStep,
  scope: ShapeScope,
  at: Path,
  held: readonly Constitution[],
  { parts }: ToolsCheck,
  problems: Problem[],
): Shape {
  const shape = templateShape(step.inputs, scope, (message) => problems.push({ at: [...at, 'inputs'], message }))
  const sub = Object.hasOwn(parts, step.pipeline) ? parts[step.pipeline] : undefined
  if (!sub) return UNKNOWN
  mustFit(shape, sub.inputs, [...at, 'inputs'], problems)
  for (const tool of toolsOf(sub, parts)) {
    const outside = held.find(({ allowedTools }) => allowedTools && !allowedTools.includes(tool))
    if (outside) {
      problems.push({
        at: [...at, 'pipeline'],
        message: `calls ${tool}, which is not in allowed_tools of ${outside.of}`,
      })
    }
  }
  return UNKNOWN
}

function toolsOf(part: PipelinePart, parts: ToolsCheck['parts'], seen = new Set<string>()): ReadonlySet<string> {
  const tools = new Set<string>()
  for (const step of part.steps) {
    if (step.kind === 'call') tools.add(step.tool)
    const sub = step.kind === 'pipeline' && !seen.has(step.pipeline) ? parts[step.pipeline] : undefined
    if (!sub) continue
    for (const tool of toolsOf(sub, parts, seen.add(sub.id))) tools.add(tool)
  }
  return tools
}

function itemShape(step: PipelineStep, scope: ShapeScope, at: Path, problems: Problem[]): Shape {
  const place = [...at, 'for_each', 'items']
  const list = templateShape(step.forEach?.items ?? [], scope, (message) => problems.push({ at: place, message }))
  mustFit(list, { type: 'array' }, place, problems)
  if (list.kind === 'each') return list.item
  const items = list.kind === 'schema' ? list.schema['items'] : undefined
  return list.kind === 'schema' && items !== undefined ? partShape(items, list.root) : UNKNOWN
}

function after(step: PipelineStep, output: Shape): Shape {
  const skippable = step.onDenied === 'skip'
  const one: Shape = skippable && step.forEach ? { kind: 'or-null', of: output } : output
  const all: Shape = step.forEach ? { kind: 'each', item: one } : one
  return step.if !== undefined || (skippable && !step.forEach) ? { kind: 'or-null', of: all } : all
}

function mustFit(shape: Shape, schema: Parameters<typeof misfits>[1], at: Path, problems: Problem[]): void {
  for (const { at: inside, message } of misfits(shape, schema)) problems.push({ at: [...at, ...inside], message })
}

function unknownTool(id: string, tools: ReadonlyMap<string, ToolContract>): string {
  return `there is no tool "${id}"${didYouMean(id, tools.keys())}`
}
