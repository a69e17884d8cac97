// The commands that hand out evidence: proofs, checkpoints and copies of records; they must never alter the log.
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ClonedError, describeThrown } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import type { FileAuditLog } from './log.js'
import type { AuditPaths } from './paths.js'
import { optionText, readSmall, recordNumber } from './small-file.js'
import { document, text } from './verify-command.js'

export interface ProofParts {
  readonly log: () => FileAuditLog
  readonly paths: () => AuditPaths
}

export function proofCommands({ log, paths }: ProofParts): readonly Command[] {
  return [
    {
      name: 'audit prove',
      summary: 'Prove to somebody without the log that a record is in it',
      args: [{ name: 'seq', description: 'Number of the record, as `cloned audit tail` shows it', required: true }],
      examples: ['cloned audit prove 42 > 42.tlog-proof', 'cloned audit prove 42 --json'],
      needs: 'workspace',
      run: (ctx) => prove(paths(), ctx),
    },
    {
      name: 'audit consistency',
      summary: 'Prove that the log goes on from a checkpoint that was kept elsewhere',
      args: [{ name: 'old', description: 'The kept checkpoint: a file, or - for standard input', required: true }],
      examples: ['cloned audit consistency kept.note', 'cloned audit consistency - --json < kept.note'],
      needs: 'workspace',
      run: (ctx) => consistency(log(), paths(), ctx),
    },
    {
      name: 'audit checkpoint',
      summary: 'Print the newest signed checkpoint, to be kept outside of this machine',
      options: [{ flags: '--sign', description: 'Sign the log as it is now' }],
      examples: ['cloned audit checkpoint > kept.note', 'cloned audit checkpoint --sign'],
      needs: 'workspace',
      run: (ctx) => checkpoint(log(), paths(), ctx),
    },
    {
      name: 'audit export',
      summary: 'Copy records of the audit log to a file, byte for byte',
      options: [
        { flags: '--from <seq>', description: 'First record (default: the first there is)' },
        { flags: '--to <seq>', description: 'Last record (default: the last there is)' },
        { flags: '--out <file>', description: 'The file to make; it must not exist' },
      ],
      examples: ['cloned audit export --from 100 --to 200 --out records.jsonl'],
      needs: 'workspace',
      run: (ctx) => exportRecords(paths(), ctx),
    },
  ]
}

async function prove(paths: AuditPaths, ctx: CommandContext): Promise<CommandResult> {
  const seq = recordNumber(ctx, 'SEQ', ctx.args['seq'])
  const { proveRecord } = await import('./prover.js')
  const { formatProof } = await import('./proof.js')
  const { proof, line } = await proveRecord(paths, seq)
  const file = formatProof(proof)
  return { json: { seq, proof: file, line: line.toString('utf8') }, text: file.trimEnd() }
}

async function consistency(log: FileAuditLog, paths: AuditPaths, ctx: CommandContext): Promise<CommandResult> {
  const since = await readSmall(ctx.args['old'] ?? '', ctx)
  const found = await log.verify({ since })
  if (!found.ok) return { exit: 5, json: document(found), text: text(found) }
  const { proveConsistency } = await import('./prover.js')
  const { readNote } = await import('./judge.js')
  const older = readNote(since)
  const { hashes, newer } = await proveConsistency(paths, older)
  const proof = hashes.map((hash) => hash.toString('base64'))
  return {
    json: { ok: true, old_size: older.size, size: newer.size, proof, checkpoint: newer.note },
    text: [
      `ok: the first ${older.size} of ${newer.size} records are those of the kept checkpoint`,
      ...proof,
      '',
      newer.note.trimEnd(),
    ].join('\n'),
  }
}

async function checkpoint(log: FileAuditLog, paths: AuditPaths, ctx: CommandContext): Promise<CommandResult> {
  if (ctx.options['sign'] === true && !ctx.dryRun && !(await log.checkpoint())) {
    throw new ClonedError('AUDIT_UNPROVABLE', { problem: 'the log was made without a key' })
  }
  const { publishedNote } = await import('./prover.js')
  const { note, origin, size, root } = publishedNote(paths)
  return { json: { note, origin, size, root: root.toString('base64') }, text: note.trimEnd() }
}

async function exportRecords(paths: AuditPaths, ctx: CommandContext): Promise<CommandResult> {
  const out = optionText(ctx, 'out')
  if (out === undefined) throw ctx.usageError('--out names the file to make')
  const number = (name: string, otherwise: number) => {
    const value = optionText(ctx, name)
    return value === undefined ? otherwise : recordNumber(ctx, `--${name}`, value)
  }
  const [from, to] = [number('from', 1), number('to', Number.MAX_SAFE_INTEGER)]
  if (from > to) throw ctx.usageError('--from stands behind --to')
  const { linesBetween } = await import('./export.js')
  const path = resolve(ctx.cwd, out)
  if (ctx.dryRun) return { json: { dry_run: true, file: out }, text: `Would copy records to ${ctx.printable(path)}.` }
  const handle = await open(path, 'wx', 0o600).catch((error: unknown) => {
    throw ctx.usageError(`Cannot make ${out}: ${describeThrown(error)}`)
  })
  let [first, last] = [0, 0]
  try {
    for await (const lines of linesBetween(paths, from, to)) {
      await handle.writeFile(lines.bytes)
      if (first === 0) first = lines.first
      last = lines.last
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  const count = last === 0 ? 0 : last - first + 1
  return {
    json: { records: count, from: first, to: last, file: out },
    text: count === 0 ? `No such records; ${out} is empty.` : `${count} records, ${first} to ${last}, are in ${out}.`,
  }
}
