// Shows a stored run as the tree that people and programs see; says nothing that its rows do not say.
import type { PipelinePart, PipelineStep } from '../skills/slot.js'
import { hasEnded } from './ledger.js'
import type { Run, RunStep, RunStepState } from './slot.js'
import type { Node, StoredRun } from './tables.js'

/** The public part of a run. */
export function publicRun(run: StoredRun): Run {
  const { definition, createdAt, endedAt, rerunOf, output, error } = run
  return {
    id: run.id,
    pipeline: definition.id,
    pipelineDigest: definition.digest,
    state: run.state,
    inputs: run.inputs,
    actor: run.actor,
    createdAt,
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(rerunOf === undefined ? {} : { rerunOf }),
    steps: stepsOf(definition, '', run, itemsByStep(run)),
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error }),
  }
}

function stepsOf(part: PipelinePart, prefix: string, run: StoredRun, items: Items): readonly RunStep[] {
  return part.steps.map((step) => {
    const path = prefix === '' ? step.id : `${prefix}/${step.id}`
    const inside = step.forEach
      ? (items.get(path) ?? []).map((index) => one(step, `${path}[${index}]`, `[${index}]`, run, items))
      : undefined
    return inside ? { ...base(step, path, step.id, run, inside), steps: inside } : one(step, path, step.id, run, items)
  })
}

function one(step: PipelineStep, path: string, id: string, run: StoredRun, items: Items): RunStep {
  const part = step.kind === 'pipeline' && run.nodes.has(path) ? run.definition.parts[step.pipeline] : undefined
  if (!part) return base(step, path, id, run, [])
  const steps = stepsOf(part, path, run, items)
  return { ...base(step, path, id, run, steps), steps }
}

function base(step: PipelineStep, path: string, id: string, run: StoredRun, inside: readonly RunStep[]): RunStep {
  const node = run.nodes.get(path)
  const callId = node?.calls.at(-1)
  return {
    id,
    path,
    kind: step.kind,
    ...(step.kind === 'call' ? { tool: step.tool } : {}),
    state: node ? stateOf(node, run, inside) : 'pending',
    attempts: node?.attempts ?? 0,
    ...(callId === undefined ? {} : { callId }),
    ...pick(node, ['approval', 'due', 'startedAt', 'endedAt', 'output', 'artifact', 'error']),
  }
}

/** Steps with others inside are what these are: nothing is stored of them until they are done. */
function stateOf(node: Node, run: StoredRun, inside: readonly RunStep[]): RunStepState {
  if (node.state !== 'running' || node.calls.length > 0 || node.attempts > 0) return node.state
  const states = new Set(inside.map(({ state }) => state))
  for (const state of ['denied', 'failed', 'indeterminate', 'waiting'] as const) if (states.has(state)) return state
  return hasEnded(run.state) ? 'cancelled' : 'running'
}

type Items = ReadonlyMap<string, readonly number[]>

/** The items of loops that have begun, by the path of their step. */
function itemsByStep({ nodes }: StoredRun): Items {
  const items = new Map<string, Set<number>>()
  for (const path of nodes.keys()) {
    for (const { 1: index, index: at } of path.matchAll(/\[(\d+)\]/g)) {
      const loop = path.slice(0, at)
      items.set(loop, (items.get(loop) ?? new Set()).add(Number(index)))
    }
  }
  return new Map([...items].map(([path, found]) => [path, [...found].sort((a, b) => a - b)]))
}

function pick<K extends keyof Node>(node: Node | undefined, keys: readonly K[]): Partial<Pick<Node, K>> {
  if (!node) return {}
  return Object.fromEntries(keys.flatMap((key) => (node[key] === undefined ? [] : [[key, node[key]]]))) as Partial<
    Pick<Node, K>
  >
}
