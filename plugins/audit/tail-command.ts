// The command that shows records of the log; it must never print a record's bytes raw.
import { setTimeout as pause } from 'node:timers/promises'
import type { Json, StoredRecord } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import type { Cursor } from './files.js'
import type { FileAuditLog } from './log.js'
import type { AuditQuery, Mirror } from './mirror.js'
import { summary } from './text.js'

const DEFAULT_LINES = 20
const MAX_LINES = 10_000
const FOLLOW_MS = 250
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const OUTCOMES: readonly string[] = ['done', 'denied', 'pending', 'failed', 'indeterminate']
const FILTERS = ['tool', 'outcome', 'since', 'until'] as const

/** `mirror` answers nothing where there is no store to look records up in. */
export function tailCommand(log: () => FileAuditLog, mirror: () => Mirror | undefined, now: () => number): Command {
  return {
    name: 'audit tail',
    summary: 'Show the last records of the audit log',
    options: [
      { flags: '--limit <n>', description: `How many records (default ${DEFAULT_LINES}, at most ${MAX_LINES})` },
      { flags: '--lines <n>', description: 'The same as --limit' },
      { flags: '--tool <id>', description: 'Only records of this tool, of every version when it names none' },
      { flags: '--outcome <status>', description: `Only outcomes: ${OUTCOMES.join(', ')}` },
      { flags: '--since <time>', description: 'Not before this time: 2026-01-31T12:00:00Z, or 15m, 2h, 7d ago' },
      { flags: '--until <time>', description: 'Before this time' },
      { flags: '--follow', description: 'Keep showing new records until interrupted' },
    ],
    examples: [
      'cloned audit tail',
      'cloned audit tail --limit 100 --json',
      'cloned audit tail --outcome denied --since 7d',
      'cloned audit tail --actor agent:coder --tool cloned.internal.fs.write',
      'cloned audit tail --follow',
    ],
    needs: 'workspace',
    run: (ctx) => tail(log(), mirror(), ctx, now()),
  }
}

async function tail(
  log: FileAuditLog,
  mirror: Mirror | undefined,
  ctx: CommandContext,
  now: number,
): Promise<CommandResult> {
  const { options } = ctx
  const given = options['limit'] ?? options['lines']
  const limit = given === undefined ? DEFAULT_LINES : Number(given)
  if (given === '' || !Number.isInteger(limit) || limit < 1 || limit > MAX_LINES) {
    throw ctx.usageError(`--limit takes a whole number from 1 to ${MAX_LINES}`)
  }
  const follow = options['follow'] === true
  // This command acts for nobody, so the option that every command has names whom the records are of.
  const actor = typeof ctx.actor === 'object' ? ctx.actor.id : ctx.actor
  const filtered = actor !== undefined || FILTERS.some((name) => options[name] !== undefined)
  if (follow && ctx.json) throw ctx.usageError('--follow prints line by line and cannot be combined with --json')
  if (follow && filtered) throw ctx.usageError('--follow shows every record and cannot be combined with a filter')
  if (!filtered) {
    const { records, next } = await log.last(limit)
    if (!follow) return shown(records)
    for (const record of records) ctx.print(summary(record))
    await followFrom(log, next, ctx)
    return { json: null, text: '' }
  }
  const query = queryOf(ctx, limit, now)
  const wanted = actor === undefined ? query : { ...query, actor }
  if (!mirror) throw ctx.usageError('filters need a store, and this distribution has none')
  return shown(await mirror.query(wanted))
}

async function followFrom(log: FileAuditLog, from: Cursor, { signal, print }: CommandContext): Promise<void> {
  for (let cursor = from; !signal.aborted; ) {
    const { records, next } = await log.since(cursor)
    for (const record of records) print(summary(record))
    cursor = next
    await pause(FOLLOW_MS, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}

function queryOf({ options, usageError }: CommandContext, limit: number, now: number): AuditQuery {
  const texts: { [name: string]: string } = {}
  for (const name of ['tool', 'outcome'] as const) {
    const value = options[name]
    if (value === undefined) continue
    if (typeof value !== 'string' || value === '') throw usageError(`--${name} takes a value`)
    texts[name] = value
  }
  const { outcome = 'done' } = texts
  if (!OUTCOMES.includes(outcome)) throw usageError(`--outcome takes ${OUTCOMES.join(', ')}, not "${outcome}"`)
  const times: { [name: string]: number } = {}
  for (const name of ['since', 'until'] as const) {
    if (options[name] === undefined) continue
    const time = timeOf(String(options[name]), now)
    if (time === undefined) throw usageError(`--${name} takes a time such as 2026-01-31T12:00:00Z, or 15m, 2h, 7d`)
    times[name] = time
  }
  return { ...texts, ...times, limit }
}

/** Milliseconds since 1970 of an ISO 8601 time, or of so long ago. */
function timeOf(text: string, now: number): number | undefined {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return now - Number(count) * (UNITS[unit] ?? 0)
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}

function shown(records: readonly StoredRecord[]): CommandResult {
  return { json: { records: records.map(document) }, text: records.map(summary).join('\n') }
}

function document({ seq, hash, record }: StoredRecord): Json {
  return { seq, hash, record }
}
