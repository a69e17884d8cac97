// The commands `policy history` and `policy revert`: what was approved, followed back by digests from what is in force.
import { ClonedError, type Json } from 'cloned/kernel'
import type { Command } from '../cli/slot.js'
import { type AdoptParts, propose } from './adopt.js'
import type { AppliedOverlays } from './applied.js'
import { type ChangeMetadata, metadataOf } from './metadata.js'

export interface HistoryParts extends AdoptParts {
  readonly applied: Pick<AppliedOverlays, 'text'>
}

const MAX_SHOWN = 100

/** A change with the digest of the text that it put in force. */
export type Change = ChangeMetadata & { readonly digest: string }

/** Newest first. Each text names the one before by its digest, so what the log proves of the newest it proves of all. */
async function* changes({ policy, name, applied }: HistoryParts): AsyncGenerator<Change> {
  const live = policy()
  live.snapshot()
  await live.reading()
  let digest = live.snapshot().overlay
  while (digest !== null) {
    const text = await applied.text(digest)
    const change = text === undefined ? undefined : metadataOf(text, name())
    if (!change) return
    yield { ...change, digest }
    digest = change.previous
  }
}

/** At most the newest hundred. */
export async function newestChanges(parts: HistoryParts): Promise<readonly Change[]> {
  const found: Change[] = []
  for await (const change of changes(parts)) {
    found.push(change)
    if (found.length === MAX_SHOWN) break
  }
  return found
}

export function historyCommand(parts: HistoryParts): Command {
  return {
    name: 'policy history',
    summary: 'Show the changes of the policy, newest first',
    examples: ['cloned policy history', 'cloned policy history --json'],
    needs: 'workspace',
    async run(ctx) {
      const found = await newestChanges(parts)
      const rows = found.map((change) =>
        [
          change.id,
          change.approved_at,
          change.requested_by,
          change.approved_by,
          change.approval ?? '-',
          `${change.audit.seq}`,
        ].map((cell) => ctx.printable(cell)),
      )
      const head = ['change', 'approved', 'asked by', 'approved by', 'approval', 'record']
      return {
        json: { changes: found as unknown as Json },
        text: rows.length === 0 ? 'The policy was never changed.' : ctx.table(head, rows),
      }
    },
  }
}

export function revertCommand(parts: HistoryParts): Command {
  return {
    name: 'policy revert',
    summary: 'Ask for the policy as it was before a change; later changes go with it',
    args: [{ name: 'change', description: 'The change, as `policy history` names it', required: true }],
    examples: ['cloned policy revert chg_01 --dry-run'],
    needs: 'workspace',
    async run(ctx) {
      const id = ctx.args['change'] ?? ''
      for await (const change of changes(parts)) {
        if (change.id !== id) continue
        const before = change.previous === null ? undefined : await parts.applied.text(change.previous)
        if (change.previous !== null && before === undefined) break
        const text = before ?? `version: 1\npack: ${parts.pack()}\n`
        return await propose(parts, ctx, text, `Take back ${id} and what came after it`)
      }
      throw new ClonedError('POLICY_CHANGE_UNKNOWN', { change: id.slice(0, 100) })
    },
  }
}
