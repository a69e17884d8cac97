// The commands that keep the log in shape: rotate, anchors and its key; each must leave a record of what it did.
import type { Json } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import type { Anchors } from './anchors.js'
import type { FileAuditLog } from './log.js'
import { printable } from './text.js'

export interface KeepParts {
  readonly log: () => FileAuditLog
  readonly anchors: () => Anchors
  /** Makes the log name a new key and signs with it from then on; answers its id. */
  readonly rotateKey: () => Promise<string>
  readonly configured: () => readonly { readonly id: string; readonly required: boolean }[]
}

export function keepCommands(parts: KeepParts): readonly Command[] {
  return [
    {
      name: 'audit rotate',
      summary: 'Close the file of the audit log and begin the next one',
      examples: ['cloned audit rotate'],
      needs: 'workspace',
      run: (ctx) => rotate(parts.log(), ctx),
    },
    {
      name: 'audit anchors',
      summary: 'List the anchors of the audit log and what each last confirmed',
      options: [{ flags: '--submit', description: 'Sign the log and send the checkpoint to every anchor now' }],
      examples: ['cloned audit anchors', 'cloned audit anchors --submit'],
      needs: 'workspace',
      run: (ctx) => anchors(parts, ctx),
    },
    {
      name: 'audit rotate-key',
      summary: 'Make a new signing key for the audit log, named in the log by the old one',
      examples: ['cloned audit rotate-key'],
      needs: 'workspace',
      run: async ({ dryRun }) => {
        if (dryRun) return { json: { dry_run: true }, text: 'Would make a new key and sign the log with it.' }
        const kid = await parts.rotateKey()
        return { json: { kid }, text: `The audit log is signed with key ${kid} from now on.` }
      },
    },
  ]
}

async function rotate(log: FileAuditLog, { dryRun }: CommandContext): Promise<CommandResult> {
  if (dryRun) return { json: { dry_run: true }, text: 'Would close the file of the log and go on in a new one.' }
  const rotated = await log.rotate()
  return { json: { rotated }, text: rotated ? 'The log goes on in a new file.' : 'Another process has just done so.' }
}

async function anchors(parts: KeepParts, ctx: CommandContext): Promise<CommandResult> {
  const configured = parts.configured()
  let failed = false
  if (ctx.options['submit'] === true && !ctx.dryRun) await parts.anchors().submit()
  const states = await parts.anchors().states()
  const rows = configured.map(({ id, required }) => {
    const { size = 0, at = 0, failure } = states.get(id) ?? {}
    if (failure !== undefined) failed = true
    return { id, required, size, confirmed_at: at === 0 ? null : new Date(at).toISOString(), failure: failure ?? null }
  })
  const text =
    rows.length === 0
      ? 'No anchors. A program that embeds this names them, in the configuration of plugin cloned.audit.'
      : rows.map((row) => line(row)).join('\n')
  return { ...(failed ? { exit: 1 as const } : {}), json: { anchors: rows } satisfies Json, text }
}

function line(row: {
  id: string
  required: boolean
  size: number
  confirmed_at: string | null
  failure: string | null
}) {
  const held = row.confirmed_at === null ? 'holds nothing' : `holds ${row.size} records, confirmed ${row.confirmed_at}`
  const failure = row.failure === null ? '' : `; last attempt failed: ${printable(row.failure)}`
  return `${row.id}${row.required ? ' (required)' : ''}: ${held}${failure}`
}
