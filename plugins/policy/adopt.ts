// The command `policy adopt`: asks for the overlay file as it stands to be put in force; must never do so by itself.
import { ClonedError, type Gate, policyWrite } from 'cloned/kernel'
import { actionResult, type Command, type CommandContext, type CommandResult } from '../cli/slot.js'
import type { PackName } from './document.js'
import type { LivePolicy } from './live.js'

/** For which policy, through which gate. */
export interface AdoptParts {
  readonly policy: () => LivePolicy
  readonly name: () => string
  /** The pack of the workspace. */
  readonly pack: () => PackName
  readonly gate: Pick<Gate, 'act'>
}

export function adoptCommand(parts: AdoptParts): Command {
  const { policy, name, pack } = parts
  return {
    name: 'policy adopt',
    summary: 'Ask for the overlay file as it stands to be put in force',
    examples: ['cloned policy adopt', 'cloned policy adopt --dry-run'],
    needs: 'workspace',
    async run(ctx) {
      const live = policy()
      const file = live.file()
      await live.reading()
      const { overlay } = live.snapshot()
      // Without an overlay there is still the pack to be put in force.
      const content = file?.text ?? (live.unproven() ? `version: 1\npack: ${pack()}\n` : undefined)
      if (content === undefined) throw new ClonedError('POLICY_OVERLAY_MISSING', { file: name(), pack: pack() })
      if (file?.digest === overlay && !live.unproven()) {
        return { json: { status: 'in force', digest: overlay }, text: `${name()} is in force already.` }
      }
      return await propose(parts, ctx, content, `Put ${name()} in force`)
    },
  }
}

/** Asks for an overlay's text to be put in force. `title` tells people what for. */
export async function propose(
  { policy, name, pack, gate }: AdoptParts,
  ctx: CommandContext,
  content: string,
  title: string,
): Promise<CommandResult> {
  const { overlay: previous } = policy().snapshot()
  const outcome = await gate.act(
    policyWrite,
    {
      target: pack(),
      input: { pack: pack(), content, previous },
      about: { title },
      ...(ctx.actor === undefined ? {} : { actor: ctx.actor }),
    },
    { dryRun: ctx.dryRun, signal: ctx.signal },
  )
  const meanwhile = 'Until it is approved, the policy in force stays as it is.'
  return actionResult(outcome, { done: `${name()} is in force.`, meanwhile }, ctx)
}
