// The command `store adopt`: asks for the store as it is to be taken for the workspace's; must never do so by itself.
import type { Gate } from 'cloned/kernel'
import { actionResult, type Command } from '../cli/slot.js'
import { adoptInput, storeAdopt } from './adopt.js'
import type { Finding } from './binding.js'

export interface AdoptParts {
  readonly gate: Pick<Gate, 'act'>
  readonly examine: () => Promise<Finding>
}

export function storeAdoptCommand({ gate, examine }: AdoptParts): Command {
  return {
    name: 'store adopt',
    summary: 'Go on with a store that the audit log does not know, when there is no backup of the one it does',
    examples: ['cloned store adopt', 'cloned store adopt --dry-run'],
    needs: 'workspace',
    async run(ctx) {
      const finding = await examine()
      if (!finding.problem) {
        return {
          json: { status: 'sound' },
          text: 'The store is the one that the audit log names; nothing is to be done.',
        }
      }
      const outcome = await gate.act(
        storeAdopt,
        {
          target: 'store',
          input: adoptInput(finding),
          about: {
            title: 'Go on with a store that the audit log does not know',
            lost: 'what was approved, used up and waiting in the lost one',
          },
          ...(ctx.actor === undefined ? {} : { actor: ctx.actor }),
        },
        { dryRun: ctx.dryRun, signal: ctx.signal },
      )
      const done =
        'The store is adopted. What the lost one knew of budgets, approvals and runs is gone; the audit log has it.'
      return actionResult(outcome, done, ctx)
    },
  }
}
