// Offers runs on the command line; a command only asks the service and words its answer.
import { ClonedError } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import { exitOf, jsonOf, paintState, runResult, time } from './render.js'
import { type RunCommandParts, runCommand } from './run-command.js'
import type { Run, Runs } from './slot.js'
import { watchCommand } from './watch-command.js'

const MAX_LIMIT = 1000
const ID = { name: 'id', description: 'Id of the run, as `cloned runs list` shows it', required: true } as const
const EXAMPLE = 'run_0123456789abcdef'

/** The commands `run` and `runs list`, `show`, `watch`, `resume`, `pause`, `cancel`, `rerun`. */
export function runCommands(runs: Runs, parts: Omit<RunCommandParts, 'runs'>): readonly Command[] {
  return [
    runCommand({ ...parts, runs }),
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
      examples: [`cloned runs show ${EXAMPLE}`],
      needs: 'workspace',
      async run(ctx) {
        const { exit: _, ...shown } = runResult(await find(runs, ctx), ctx)
        return shown
      },
    },
    watchCommand(runs, ID),
    {
      name: 'runs resume',
      summary: 'Let one run go on, or every run that waits or was interrupted',
      args: [{ ...ID, required: false }],
      options: [
        { flags: '--retry', description: 'Repeat what failed, or whose effect is not known' },
        { flags: '--happened', description: 'Take the step whose effect is not known for done' },
        { flags: '--step <path>', description: 'With --happened: which step, where there are several' },
        { flags: '--output <json>', description: 'With --happened: what it answered (default: null)' },
      ],
      examples: ['cloned runs resume', `cloned runs resume ${EXAMPLE} --retry`],
      needs: 'workspace',
      run: (ctx) => resume(runs, ctx),
    },
    {
      name: 'runs pause',
      summary: 'Begin no further step of a run; what is under way comes to its end',
      args: [ID],
      examples: [`cloned runs pause ${EXAMPLE}`],
      needs: 'workspace',
      run: (ctx) => change(runs, ctx, (id) => runs.pause(id, { actor: ctx.actor })),
    },
    {
      name: 'runs cancel',
      summary: 'End a run; a call that is already running is told to stop',
      args: [ID],
      examples: [`cloned runs cancel ${EXAMPLE}`],
      needs: 'workspace',
      run: (ctx) => change(runs, ctx, (id) => runs.cancel(id, { actor: ctx.actor })),
    },
    {
      name: 'runs rerun',
      summary: 'Start a run again with the same inputs, from a step on',
      args: [ID],
      options: [{ flags: '--from <step>', description: 'Take over what the steps before this one answered' }],
      examples: [`cloned runs rerun ${EXAMPLE}`, `cloned runs rerun ${EXAMPLE} --from save`],
      needs: 'workspace',
      run: (ctx) => rerun(runs, ctx),
    },
  ]
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
  const happened = ctx.options['happened'] === true
  const { step, output } = ctx.options
  if (id === undefined && (retry || happened)) throw ctx.usageError('--retry and --happened need the id of a run')
  if (retry && happened) throw ctx.usageError('--retry and --happened are two answers to one question')
  if (!happened && (step !== undefined || output !== undefined)) {
    throw ctx.usageError('--step and --output go with --happened')
  }
  if (ctx.dryRun) {
    const open = id === undefined ? (await runs.list()).filter(isOpen) : [await find(runs, ctx)]
    return several(open, ctx, 'Would resume nothing.')
  }
  const answer = happened
    ? {
        output: output === undefined ? null : ((await ctx.inputJson(output)) as null),
        ...(typeof step === 'string' ? { step } : {}),
      }
    : undefined
  const resumed = await runs.resume(id, { retry, actor: ctx.actor, ...(answer ? { happened: answer } : {}) })
  const [only] = resumed
  return id !== undefined && only ? runResult(only, ctx) : several(resumed, ctx, 'No run waits or was interrupted.')
}

async function change(runs: Runs, ctx: CommandContext, make: (id: string) => Promise<Run>): Promise<CommandResult> {
  const found = await find(runs, ctx)
  const { problem: _, ...shown } = runResult(ctx.dryRun ? found : await make(found.id), ctx)
  return { ...shown, exit: 0 }
}

async function rerun(runs: Runs, ctx: CommandContext): Promise<CommandResult> {
  const found = await find(runs, ctx)
  if (ctx.dryRun) return { ...runResult(found, ctx), exit: 0 }
  const { from } = ctx.options
  const { id } = await runs.rerun(found.id, { actor: ctx.actor, ...(typeof from === 'string' ? { from } : {}) })
  return runResult(await runs.settled(id), ctx)
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
