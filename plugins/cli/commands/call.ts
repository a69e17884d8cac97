// The command `call`: one governed tool call from the command line; it goes through the gate like any other.
import { ClonedError, type Outcome } from 'cloned/kernel'
import type { Command, CommandContext } from '../slot.js'
import { decidePending } from './decision.js'
import { outcomeResult } from './outcome.js'
import type { CommandServices } from './services.js'

export function callCommand(services: CommandServices): Command {
  return {
    name: 'call',
    summary: 'Call a tool through the gate, or run a call that was approved',
    args: [{ name: 'tool', description: 'Id of the tool, as `cloned tools list` shows it' }],
    options: [
      { flags: '--input <json>', description: 'Input: JSON, @FILE, or - for standard input (default: {})' },
      { flags: '--approval <id>', description: 'Run the call that this approval was opened for' },
      { flags: '--wait', description: 'Wait until the call is decided, then run it' },
    ],
    examples: [
      'cloned call cloned.internal.fs.read@v1 --input \'{"path":"README.md"}\'',
      'cloned call cloned.internal.fs.write@v1 --input @write.json --wait',
      'cloned call --approval ap_0123456789ab',
    ],
    needs: 'workspace',
    async run(ctx) {
      const outcome = await begin(services, ctx)
      if (outcome.status === 'done')
        ctx.note(ctx.paint.dim(`Recorded as number ${outcome.record.seq} of the audit log.`))
      return outcomeResult(outcome, ctx)
    },
  }
}

async function begin(services: CommandServices, ctx: CommandContext): Promise<Outcome> {
  const { tool } = ctx.args
  const { input, approval, wait } = ctx.options
  const { gate } = services
  const options = {
    dryRun: ctx.dryRun,
    signal: ctx.signal,
    onProgress: (message: unknown) => ctx.progress(typeof message === 'string' ? message : JSON.stringify(message)),
  }
  let outcome: Outcome
  if (typeof approval === 'string') {
    if (input !== undefined) throw ctx.usageError('--approval runs the call as it was approved, without --input')
    await checkTarget(services, approval, tool)
    outcome = await gate.resume(approval, options)
  } else {
    if (tool === undefined) throw ctx.usageError('missing <tool>, or --approval with the id of an approved call')
    const request = { tool, input: await ctx.inputJson(input) }
    outcome = await gate.call(ctx.actor === undefined ? request : { ...request, actor: ctx.actor }, options)
  }
  if (outcome.status !== 'pending' || ctx.dryRun) return outcome
  return decidePending(outcome, services, ctx, { ...options, wait: wait === true })
}

/** A tool named beside `--approval` has to be the one that was approved. */
async function checkTarget({ approvals }: CommandServices, id: string, tool: string | undefined): Promise<void> {
  if (tool === undefined || !approvals) return
  const request = await approvals.get(id)
  if (!request) throw new ClonedError('APPROVAL_UNKNOWN', { approval: id })
  if (request.action.target !== tool) {
    throw new ClonedError('APPROVAL_UNUSABLE', {
      approval: id,
      reason: `it is for ${request.action.target}, not ${tool}`,
    })
  }
}
