// The command `store adopt`: asks for the store as it is to be taken for the workspace's; must never do so by itself.
import type { Gate, Json, Outcome } from 'cloned/kernel'
import type { Command, CommandContext, ExitCode } from '../cli/slot.js'
import { adoptInput, storeAdopt } from './adopt.js'
import type { Finding } from './binding.js'

export interface AdoptParts {
  readonly gate: Pick<Gate, 'act'>
  readonly examine: () => Promise<Finding>
}

const EXITS: Readonly<Record<Outcome['status'], ExitCode>> = { done: 0, denied: 3, pending: 4, failed: 1, 'dry-run': 0 }

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
      return { exit: EXITS[outcome.status], json: outcome as unknown as Json, text: words(outcome, ctx) }
    },
  }
}

function words(outcome: Outcome, { waiting, printable }: CommandContext): string {
  switch (outcome.status) {
    case 'done':
      return 'The store is adopted. What the lost one knew of budgets, approvals and runs is gone; the audit log has it.'
    case 'pending':
      return waiting(outcome.approval)
    case 'dry-run':
      return `Would end in: ${[outcome.verdict, printable(outcome.reason ?? '')].filter(Boolean).join(': ')}`
    default:
      return `${printable(outcome.reason)}\n${printable(outcome.help)}`
  }
}
