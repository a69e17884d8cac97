// Words runs for people and machines; says nothing that the run does not say.
import type { Json } from 'cloned/kernel'
import type { CommandContext, CommandResult, ExitCode } from '../cli/slot.js'
import { approvalOf } from './decide.js'
import type { Run, RunStep, StepPreview } from './slot.js'

/** How a command about one run ends: 0 done, 1 failed or cancelled, 3 a step was denied, 4 waiting for a person. */
export function exitOf(run: Run): ExitCode {
  if (run.state === 'done') return 0
  if (run.state === 'waiting') return 4
  return run.steps.some(({ state }) => state === 'denied') ? 3 : 1
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
    steps: steps.map(stepJson),
    ...(run.output === undefined ? {} : { output: run.output }),
    ...(run.error === undefined ? {} : { error: { ...run.error } }),
  }
}

function stepJson({ id, tool, state, callId, approval, output, error }: RunStep): Json {
  return {
    id,
    tool,
    state,
    ...(callId === undefined ? {} : { call_id: callId }),
    ...(approval === undefined ? {} : { approval }),
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error: { ...error } }),
  }
}

/** The result of a command that shows one run. */
export function runResult(run: Run, ctx: CommandContext): CommandResult {
  const { paint, printable, table } = ctx
  const lines = [
    `${paint.bold(run.id)}  ${printable(run.pipeline)}  ${paintState(run.state, paint)}`,
    table(
      ['step', 'tool', 'state'],
      run.steps.map(({ id, tool, state }) => [id, tool, paintState(state, paint)]),
    ),
    ...(run.output === undefined ? [] : ['output', printable(JSON.stringify(run.output, null, 2), { lines: true })]),
  ]
  const problem = problemOf(run, ctx)
  return { exit: exitOf(run), json: jsonOf(run), text: lines.join('\n'), ...(problem === undefined ? {} : { problem }) }
}

function problemOf(run: Run, { howToDecide, printable }: CommandContext): string | undefined {
  const approval = approvalOf(run)
  if (approval !== undefined) {
    const step = run.steps.find(({ state }) => state === 'waiting')?.id ?? ''
    return [
      `Step "${printable(step)}" waits for approval ${approval}; once it is approved, the run goes on.`,
      `  See it: cloned approvals show ${approval}`,
      `  Decide: ${howToDecide({ id: approval, osUser: run.actor.osUser })}`,
    ].join('\n')
  }
  if (!run.error) return undefined
  const { code, message, help } = run.error
  return `${code}: ${printable(message)}\n  ${printable(help)}`
}

/** The result of a dry run. */
export function previewResult(pipeline: string, steps: readonly StepPreview[], ctx: CommandContext): CommandResult {
  const { paint, printable, table } = ctx
  const colour = { allow: paint.green, ask: paint.yellow, deny: paint.red, later: paint.dim }
  const rows = steps.map(({ id, tool, verdict, reason }) => [id, tool, colour[verdict](verdict), reason ?? ''])
  return {
    json: { dry_run: true, pipeline, steps: steps.map((step) => ({ ...step })) },
    text: `${printable(pipeline)}: nothing was run\n${table(['step', 'tool', 'verdict', 'why'], rows)}`,
  }
}

export function paintState(state: Run['state'] | RunStep['state'], paint: CommandContext['paint']): string {
  if (state === 'done') return paint.green(state)
  if (state === 'waiting' || state === 'running') return paint.yellow(state)
  return state === 'pending' ? paint.dim(state) : paint.red(state)
}

export function time(ms: number): string {
  return new Date(ms).toISOString()
}
