// Makes pruning a governed action, asked for by a command; nothing may be deleted but what was shown to whoever allows it.
import { actionKind, type Executor, fail, type Gate, type JsonObject } from 'cloned/kernel'
import { actionResult, type Command, type CommandResult } from '../cli/slot.js'
import type { PrunePlan, Pruner } from './pruner.js'

/** Deletes the closed files that hold the records up to `size`. */
export type AuditPrune = { readonly size: number; readonly files: number }

/** Runs in the process that decides. */
export const auditPrune = actionKind<AuditPrune, AuditPrune, 'audit.prune'>({
  id: 'audit.prune',
  contract: 1,
  record: 'audit',
  onApproval: 'execute',
})

const count: JsonObject = { type: 'integer', minimum: 1 }

export function pruneExecutor(pruner: () => Pruner): Executor<AuditPrune, AuditPrune> {
  return {
    input: {
      type: 'object',
      additionalProperties: false,
      required: ['size', 'files'],
      properties: { size: count, files: count },
    },
    async execute(input) {
      const plan = await pruner().plan(input.size + 1)
      if (plan.size !== input.size || plan.files.length !== input.files) {
        throw fail(`record ${input.size} is not where ${input.files} closed file(s) end, or they are gone already`, {
          code: 'AUDIT_PRUNE_REFUSED',
          help: 'Ask again: cloned audit prune --before SEQ',
        })
      }
      await pruner().prune(plan)
      return { size: plan.size, files: plan.files.length }
    },
  }
}

export function pruneCommand(pruner: () => Pruner, gate: Pick<Gate, 'act'>): Command {
  return {
    name: 'audit prune',
    summary: 'Delete closed files of the audit log, with a record that keeps old proofs valid',
    options: [{ flags: '--before <seq>', description: 'Delete files that hold only records before this number' }],
    examples: ['cloned audit prune --before 100000', 'cloned audit prune --before 100000 --dry-run'],
    needs: 'workspace',
    async run(ctx): Promise<CommandResult> {
      const before = Number(ctx.options['before'])
      if (!Number.isSafeInteger(before) || before < 2) throw ctx.usageError('--before takes the number of a record.')
      const plan = await pruner().plan(before)
      if (plan.files.length === 0) {
        return { json: { records: 0, files: 0 }, text: 'No closed file holds only records before that.' }
      }
      const outcome = await gate.act(
        auditPrune,
        {
          target: 'audit log',
          input: { size: plan.size, files: plan.files.length },
          about: { title: `Delete ${words(plan)}`, rollback: 'none: they cannot be had back' },
          ...(ctx.actor === undefined ? {} : { actor: ctx.actor }),
        },
        { dryRun: ctx.dryRun, signal: ctx.signal },
      )
      const done = `Deleted ${words(plan)}; the log says so.`
      const would = `Would delete ${words(plan)}`
      return actionResult(outcome, { done, would, meanwhile: 'Nothing was deleted yet.' }, ctx)
    },
  }
}

function words({ files, size }: PrunePlan): string {
  return `${files.length} closed file(s) with records up to ${size}`
}
