// Words runs for people and machines; says nothing that the run does not say.
import type { Json } from 'cloned/kernel'
import type { CommandContext, CommandResult, ExitCode } from '../cli/slot.js'
import { askingStep } from './decide.js'
import type { Run, RunStep, StepPreview } from './slot.js'
import { duration, flat } from './tree.js'

/** How a command about one run ends: 0 done, 1 failed or cancelled, 3 a step was denied, 4 waiting for a person. */
export function exitOf(run: Run): ExitCode {
  if (run.state === 'done') return 0
  if (run.state === 'waiting' || run.state === 'paused') return 4
  return flat(run.steps).some(({ state }) => state === 'denied') ? 3 : 1
}

/** The whole run as JSON, keys in snake case. */
export function jsonOf(run: Run): Json {
  const { id, pipeline, state, inputs, actor, steps } = run
  return {
    id,
    pipeline,
    pipeline_digest: run.pipelineDigest,
    state,
    inputs,
    actor: { id: actor.id, claimed: actor.claimed, os_user: actor.osUser },
    created_at: time(run.createdAt),
    ...(run.endedAt === undefined ? {} : { ended_at: time(run.endedAt) }),
    ...(run.rerunOf === undefined ? {} : { rerun_of: run.rerunOf }),
    steps: steps.map(stepJson),
    ...(run.output === undefined ? {} : { output: run.output }),
    ...(run.error === undefined ? {} : { error: { ...run.error } }),
  }
}

function stepJson(step: RunStep): Json {
  const { id, path, kind, tool, state, attempts, callId, approval, artifact, output, error, steps } = step
  return {
    id,
    path,
    kind,
    ...(tool === undefined ? {} : { tool }),
    state,
    attempts,
    ...(callId === undefined ? {} : { call_id: callId }),
    ...(approval === undefined ? {} : { approval }),
    ...(step.due === undefined ? {} : { due: time(step.due) }),
    ...(step.startedAt === undefined ? {} : { started_at: time(step.startedAt) }),
    ...(step.endedAt === undefined ? {} : { ended_at: time(step.endedAt) }),
    ...(artifact === undefined ? {} : { artifact }),
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error: { ...error } }),
    ...(steps === undefined ? {} : { steps: steps.map(stepJson) }),
  }
}

/** The result of a command that shows one run. */
export function runResult(run: Run, ctx: CommandContext): CommandResult {
  const { paint, printable, table } = ctx
  const lines = [
    `${paint.bold(run.id)}  ${printable(run.pipeline)}  ${paintState(run.state, paint)}`,
    table(
      ['step', 'tool', 'state', 'took'],
      flat(run.steps).map((step) => [step.path, what(step), paintState(step.state, paint), took(step)]),
    ),
    ...(run.output === undefined ? [] : ['output', printable(JSON.stringify(run.output, null, 2), { lines: true })]),
  ]
  const problem = problemOf(run, ctx)
  return { exit: exitOf(run), json: jsonOf(run), text: lines.join('\n'), ...(problem === undefined ? {} : { problem }) }
}

/** One line for a step whose state has changed. */
export function stepLine(step: RunStep, { paint, printable }: CommandContext): string {
  const { path, state, approval, error } = step
  const more = [took(step), approval ?? '', error && state !== 'done' ? error.message : ''].filter(Boolean)
  return [printable(path), paintState(state, paint), ...more.map((text) => printable(text))].join('  ')
}

function what({ kind, tool }: Pick<RunStep, 'kind' | 'tool'>): string {
  return tool ?? (kind === 'approval' ? 'asks a person' : 'pipeline')
}

function took({ startedAt, endedAt, state }: RunStep): string {
  const known = startedAt !== undefined && startedAt > 0 && endedAt !== undefined && state !== 'skipped'
  return known ? duration(endedAt - startedAt) : ''
}

function problemOf(run: Run, { howToDecide, printable }: CommandContext): string | undefined {
  const asking = askingStep(run)
  if (asking) {
    const { path, approval, state } = asking
    const then = state === 'indeterminate' ? 'its call is made again' : 'the run goes on'
    return [
      `Step "${printable(path)}" waits for approval ${approval}; once it is approved, ${then}.`,
      `  See it: cloned approvals show ${approval}`,
      `  Decide: ${howToDecide({ id: approval, osUser: run.actor.osUser })}`,
      ...(state === 'indeterminate' ? [`  If it happened: cloned runs resume ${run.id} --happened`] : []),
    ].join('\n')
  }
  if (run.state === 'paused') return `Run ${run.id} is paused.\n  Let it go on: cloned runs resume ${run.id}`
  if (!run.error) return undefined
  const { code, message, help } = run.error
  return `${code}: ${printable(message)}\n  ${printable(help)}`
}

/** The result of a dry run. */
export function previewResult(pipeline: string, steps: readonly StepPreview[], ctx: CommandContext): CommandResult {
  const { paint, printable, table } = ctx
  const colour = { allow: paint.green, ask: paint.yellow, deny: paint.red, later: paint.dim, skip: paint.dim }
  const rows = steps.map((step) => [
    step.times === undefined ? step.path : `${step.path} (${step.times} in all)`,
    what(step),
    colour[step.verdict](step.verdict),
    costText(step.cost),
    step.reason ?? '',
  ])
  return {
    json: { dry_run: true, pipeline, steps: steps.map((step) => ({ ...step })) as unknown as Json },
    text: `${printable(pipeline)}: nothing was run\n${table(['step', 'tool', 'verdict', 'cost', 'why'], rows)}`,
  }
}

function costText(cost: StepPreview['cost']): string {
  return Object.entries(cost ?? {})
    .map(([category, amount]) => `${amount} ${category}`)
    .join(', ')
}

export function paintState(state: Run['state'] | RunStep['state'], paint: CommandContext['paint']): string {
  if (state === 'done') return paint.green(state)
  if (state === 'waiting' || state === 'running' || state === 'paused') return paint.yellow(state)
  return state === 'pending' || state === 'skipped' ? paint.dim(state) : paint.red(state)
}

export function time(ms: number): string {
  return new Date(ms).toISOString()
}
