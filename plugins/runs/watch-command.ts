// The command `runs watch`: tells what happens to a run, step by step; it changes nothing about the run.
import type { Command, CommandArgument } from '../cli/slot.js'
import { jsonOf, runResult, stepLine } from './render.js'
import { live } from './run-command.js'
import type { RunStep, Runs } from './slot.js'
import { flat } from './tree.js'

/** `cloned runs watch`. With `--json` every version seen is one line of JSON. */
export function watchCommand(runs: Runs, id: CommandArgument): Command {
  return {
    name: 'runs watch',
    summary: 'Follow a run until it ends, through waits for people too; Ctrl-C stops only the watching',
    args: [id],
    examples: ['cloned runs watch run_0123456789abcdef', 'cloned runs watch run_0123456789abcdef --json'],
    needs: 'workspace',
    async run(ctx) {
      const seen = new Map<string, RunStep['state']>()
      const screen = live(ctx)
      try {
        const ended = await runs.settled(ctx.args['id'] ?? '', {
          wait: true,
          signal: ctx.signal,
          onStep(run) {
            ctx.emit(jsonOf(run))
            for (const step of flat(run.steps)) {
              if (seen.get(step.path) === step.state || step.state === 'pending') continue
              seen.set(step.path, step.state)
              ctx.print(stepLine(step, ctx))
            }
            screen.show(run)
          },
        })
        return { ...runResult(ended, ctx), json: undefined }
      } finally {
        screen.close()
      }
    },
  }
}
