// The command `run`: asks for missing inputs, starts a run and follows it; Ctrl-C ends the run it follows.
import { isClonedError } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import type { Skills } from '../skills/slot.js'
import { type DecisionParts, decideStep } from './decide.js'
import { askInputs } from './inputs.js'
import { previewResult, runResult } from './render.js'
import type { Run, Runs } from './slot.js'
import { tree } from './tree.js'

export interface RunCommandParts extends DecisionParts {
  readonly runs: Runs
  readonly skills: Pick<Skills, 'pipeline'>
}

// How often durations are shown anew.
const TICK_MS = 250

/** `cloned run`. */
export function runCommand(parts: RunCommandParts): Command {
  return {
    name: 'run',
    summary: 'Run a pipeline, every step through the gate',
    args: [{ name: 'pipeline', description: 'Id of the pipeline', required: true }],
    options: [
      { flags: '--input <json>', description: 'Inputs: JSON, @FILE, or - for standard input (default: {})' },
      { flags: '--wait', description: 'Wait for approvals too, until the run has ended' },
    ],
    examples: ['cloned run docs.link-report --input \'{"directory":"docs"}\'', 'cloned run acme.report --dry-run'],
    needs: 'workspace',
    run: (ctx) => run(parts, ctx),
  }
}

async function run(parts: RunCommandParts, ctx: CommandContext): Promise<CommandResult> {
  const { runs, skills } = parts
  const pipeline = ctx.args['pipeline'] ?? ''
  const given = await ctx.inputJson(ctx.options['input'])
  const known = ctx.interactive ? await skills.pipeline(pipeline) : undefined
  const inputs = known ? await askInputs(known.inputs, given, ctx) : given
  const request = { pipeline, inputs, actor: ctx.actor }
  if (ctx.dryRun) return previewResult(pipeline, await runs.preview(request), ctx)
  const { id } = await runs.start(request)
  const decides = ctx.interactive && parts.selfDecision()
  let settled = await follow(runs, id, ctx, ctx.options['wait'] === true && !decides)
  while (!ctx.signal.aborted && (await decideStep(settled, parts, ctx))) settled = await follow(runs, id, ctx, false)
  if (ctx.options['wait'] === true && settled.state === 'waiting') settled = await follow(runs, id, ctx, true)
  return runResult(settled, ctx)
}

/** Follows a run to its end or wait. Ctrl-C cancels it: whoever stops the command wants the agent to stop. */
async function follow(runs: Runs, id: string, ctx: CommandContext, wait: boolean): Promise<Run> {
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
  const screen = live(ctx)
  try {
    return await Promise.race([runs.settled(id, { onStep: screen.show, wait }), uncancelled])
  } finally {
    screen.close()
    ctx.signal.removeEventListener('abort', stop)
  }
}

/** Shows the tree of a run on a terminal while it goes on. */
export function live(ctx: CommandContext): { show(run: Run): void; close(): void } {
  let last: Run | undefined
  const draw = () => {
    if (last) ctx.progress(tree(last, Date.now()).join('\n'))
  }
  const timer = setInterval(draw, TICK_MS)
  timer.unref()
  return {
    show(run) {
      last = run
      draw()
    },
    close: () => clearInterval(timer),
  }
}
