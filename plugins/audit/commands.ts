// The commands that show and check the log; they must never write to it and never print its bytes raw.
import { setTimeout as pause } from 'node:timers/promises'
import type { Json, StoredRecord } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import type { FileAuditLog } from './log.js'
import { printable, summary } from './text.js'

const DEFAULT_LINES = 20
const MAX_LINES = 10_000
const FOLLOW_MS = 250

export function auditCommands(log: () => FileAuditLog): readonly Command[] {
  return [
    {
      name: 'audit tail',
      summary: 'Show the last records of the audit log',
      options: [
        { flags: '--lines <n>', description: `How many records (default ${DEFAULT_LINES}, at most ${MAX_LINES})` },
        { flags: '--follow', description: 'Keep showing new records until interrupted' },
      ],
      examples: ['cloned audit tail', 'cloned audit tail --lines 100 --json', 'cloned audit tail --follow'],
      needs: 'workspace',
      run: (ctx) => tail(log(), ctx),
    },
    {
      name: 'audit verify',
      summary: 'Check that no byte of the audit log was changed or lost',
      examples: ['cloned audit verify', 'cloned audit verify --json'],
      needs: 'workspace',
      run: () => verify(log()),
    },
  ]
}

async function tail(log: FileAuditLog, ctx: CommandContext): Promise<CommandResult> {
  const lines = ctx.options['lines'] === undefined ? DEFAULT_LINES : Number(ctx.options['lines'])
  if (!Number.isInteger(lines) || lines < 1 || lines > MAX_LINES) {
    return usage(`--lines takes a whole number from 1 to ${MAX_LINES}.`)
  }
  const follow = ctx.options['follow'] === true
  if (follow && ctx.json) return usage('--follow prints line by line and cannot be combined with --json.')
  const { records, next } = await log.last(lines)
  if (!follow) return { json: { records: records.map(document) }, text: records.map(summary).join('\n') }
  for (const record of records) ctx.print(summary(record))
  await followFrom(log, next, ctx)
  return { json: null, text: '' }
}

async function followFrom(log: FileAuditLog, from: number, { signal, print }: CommandContext): Promise<void> {
  for (let offset = from; !signal.aborted; ) {
    const { records, next } = await log.since(offset)
    for (const record of records) print(summary(record))
    offset = next
    await pause(FOLLOW_MS, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}

async function verify(log: FileAuditLog): Promise<CommandResult> {
  const { ok, entries, lastHash, problem } = await log.verify()
  const json: Json = { ok, entries, last_hash: lastHash, ...(problem ? { problem: { ...problem } } : {}) }
  if (!problem) return { json, text: `ok: ${entries} records, unbroken\nlast hash: ${lastHash}` }
  const { kind, line, offset, message } = problem
  const next =
    kind === 'torn'
      ? 'A writer died or is still writing; the next record notes what was dropped. Then run: cloned audit verify'
      : 'Do not trust the log from there on. Keep the files as evidence and compare them with a copy.'
  const text = `${kind}: line ${line} (byte ${offset}): ${printable(message)}\n${entries} records before it are unbroken.\n${next}`
  return { exit: 5, json, text }
}

function document({ seq, hash, record }: StoredRecord): Json {
  return { seq, hash, record }
}

function usage(problem: string): CommandResult {
  return { exit: 2, json: { error: { code: 'USAGE', message: problem } }, text: problem }
}
