// Offers runs on the command line; a command only asks the service and words its answer.
import { ClonedError, isClonedError } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import { type DecisionParts, decideStep } from './decide.js'
import { exitOf, jsonOf, paintState, previewResult, runResult, time } from './render.js'
import type { Run, Runs } from './slot.js'

const MAX_LIMIT = 1000
const ID = { name: 'id', description: 'Id of the run, as `cloned runs list` shows it', required: true } as const

/** The commands `run` and `runs list`, `show`, `resume`, `cancel`. */
export function runCommands(runs: Runs, decision: DecisionParts): readonly Command[] {
  return [
    {
      name: 'run',
      summary: 'Run a pipeline, every step through the gate',
      args: [{ name: 'pipeline', description: 'Id of the pipeline', required: true }],
      options: [{ flags: '--input <json>', description: 'Inputs: JSON, @FILE, or - for standard input (default: {})' }],
      examples: ['cloned run docs.link-report --input \'{"directory":"docs"}\'', 'cloned run acme.report --dry-run'],
      needs: 'workspace',
      run: (ctx) => run(runs, decision, ctx),
    },
    {
      name: 'runs list',
      summary: 'List runs, newest first',
      options: [{ flags: '--limit <count>', description: 'At most so many (default: 100)' }],
      examples: ['cloned runs list', 'cloned runs list --limit 10 --json'],
      needs: 'workspace',
      run: (ctx) => list(runs, ctx),
    },
    {
      name: 'runs show',
      summary: 'Show one run with its steps and output',
      args: [ID],
      examples: ['cloned runs show run_0123456789abcdef'],
      needs: 'workspace',
      async run(ctx) {
        const { exit: _, ...shown } = runResult(await find(runs, ctx), ctx)
        return shown
      },
    },
    {
      name: 'runs resume',
      summary: 'Let one run go on, or every run that waits or was interrupted',
      args: [{ ...ID, required: false }],
      options: [{ flags: '--retry', description: 'Repeat the step that failed, or whose effect is not known' }],
      examples: ['cloned runs resume', 'cloned runs resume run_0123456789abcdef --retry'],
      needs: 'workspace',
      run: (ctx) => resume(runs, ctx),
    },
    {
      name: 'runs cancel',
      summary: 'End a run; a call that is already running is told to stop',
      args: [ID],
      examples: ['cloned runs cancel run_0123456789abcdef'],
      needs: 'workspace',
      run: (ctx) => cancel(runs, ctx),
    },
  ]
}

async function run(runs: Runs, decision: DecisionParts, ctx: CommandContext): Promise<CommandResult> {
  const pipeline = ctx.args['pipeline'] ?? ''
  const request = { pipeline, inputs: await ctx.inputJson(ctx.options['input']), actor: ctx.actor }
  if (ctx.dryRun) return previewResult(pipeline, await runs.preview(request), ctx)
  const { id } = await runs.start(request)
  let settled = await follow(runs, id, ctx)
  while (!ctx.signal.aborted && (await decideStep(settled, decision, ctx))) settled = await follow(runs, id, ctx)
  return runResult(settled, ctx)
}

/** Follows a run to its end or wait. Ctrl-C cancels it: whoever stops the command wants the agent to stop. */
async function follow(runs: Runs, id: string, ctx: CommandContext): Promise<Run> {
  let stop = () => {}
  const uncancelled = new Promise<never>((_, reject) => {
    stop = () => {
      runs.cancel(id, { actor: ctx.actor }).catch((error: unknown) => {
        // It ended by itself in the same moment, and shows how.
        if (!isClonedError(error) || error.code !== 'RUN_ENDED') reject(error)
      })
    }
  })
  ctx.signal.addEventListener('abort', stop, { once: true })
  if (ctx.signal.aborted) stop()
  const settled = runs.settled(id, ({ steps }) => {
    const at = steps.findIndex(({ state }) => state === 'running')
    const step = steps[at]
    if (step) ctx.progress(`step ${at + 1} of ${steps.length}: ${step.id}`)
  })
  try {
    return await Promise.race([settled, uncancelled])
  } finally {
    ctx.signal.removeEventListener('abort', stop)
  }
}

async function list(runs: Runs, ctx: CommandContext): Promise<CommandResult> {
  const given = ctx.options['limit']
  const limit = given === undefined ? undefined : Number(given)
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT)) {
    throw ctx.usageError(`--limit takes a whole number from 1 to ${MAX_LIMIT}`)
  }
  const found = await runs.list(limit === undefined ? {} : { limit })
  const rows = found.map(({ id, pipeline, state, createdAt }) => [
    id,
    pipeline,
    paintState(state, ctx.paint),
    time(createdAt),
  ])
  return {
    json: { runs: found.map(jsonOf) },
    text: rows.length === 0 ? 'There are no runs.' : ctx.table(['run', 'pipeline', 'state', 'started'], rows),
  }
}

async function resume(runs: Runs, ctx: CommandContext): Promise<CommandResult> {
  const id = ctx.args['id']
  const retry = ctx.options['retry'] === true
  if (id === undefined && retry) throw ctx.usageError('--retry needs the id of a run')
  if (ctx.dryRun) {
    const open = id === undefined ? (await runs.list()).filter(isOpen) : [await find(runs, ctx)]
    return several(open, ctx, 'Would resume nothing.')
  }
  const resumed = await runs.resume(id, { retry, actor: ctx.actor })
  const [only] = resumed
  return id !== undefined && only ? runResult(only, ctx) : several(resumed, ctx, 'No run waits or was interrupted.')
}

async function cancel(runs: Runs, ctx: CommandContext): Promise<CommandResult> {
  const found = await find(runs, ctx)
  const cancelled = ctx.dryRun ? found : await runs.cancel(found.id, { actor: ctx.actor })
  const { problem: _, ...shown } = runResult(cancelled, ctx)
  return { ...shown, exit: 0 }
}

function several(found: readonly Run[], ctx: CommandContext, none: string): CommandResult {
  const results = found.map((one) => runResult(one, ctx))
  const worst = found.map(exitOf).filter((exit) => exit !== 0)
  const problem = results.flatMap(({ problem: text }) => (text === undefined ? [] : [text])).join('\n')
  return {
    exit: ctx.dryRun ? 0 : (worst.find((exit) => exit !== 4) ?? worst[0] ?? 0),
    json: { runs: found.map(jsonOf) },
    text: results.map(({ text }) => text).join('\n\n') || none,
    ...(problem === '' ? {} : { problem }),
  }
}

async function find(runs: Runs, ctx: CommandContext): Promise<Run> {
  const id = ctx.args['id'] ?? ''
  const found = await runs.get(id)
  if (!found) throw new ClonedError('RUN_UNKNOWN', { run: id })
  return found
}

function isOpen({ state }: Run): boolean {
  return state === 'running' || state === 'waiting'
}
