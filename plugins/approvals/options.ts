// Reads what a person typed about a decision into the decision; must never widen what was typed.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  type ApprovalRequest,
  type Decision,
  describeThrown,
  digest,
  type GrantTerms,
  type Json,
  type JsonObject,
  snapshot,
} from 'cloned/kernel'
import type { CommandContext, CommandOption } from '../cli/slot.js'
import { DEFAULT_COUNT, type GrantWish, termsFor } from './grant-wish.js'
import { readApproverKey } from './key-file.js'
import { readDecision, type SignedDecision, signDecision } from './signed.js'

const MAX_REASON = 1000
const MAX_DECISION = 128 * 1024
const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }
const GRANT_OPTIONS = ['grantSchema', 'grantSame', 'grantHosts', 'count', 'until'] as const

export const REASON = { flags: '--reason <text>', description: 'Why, kept with the decision and in the audit log' }
export const SIGNING: readonly CommandOption[] = [
  { flags: '--key <file>', description: 'Sign the decision with this approver key (PEM or JWK, mode 0600)' },
  { flags: '--decision <file>', description: 'Take the decision from this file, signed elsewhere' },
]
export const APPROVING: readonly CommandOption[] = [
  { flags: '--edit <file>', description: 'Approve with the input in this JSON file instead; it is judged again' },
  {
    flags: '--grant',
    description: 'Also let later calls of the same tool and requester through, as the options below say',
  },
  { flags: '--grant-same <names>', description: 'Only with the same values of these arguments: path,mode' },
  { flags: '--grant-schema <file>', description: 'Only with inputs that fit the JSON Schema in this file' },
  { flags: '--grant-hosts <hosts>', description: 'Only these hosts in URLs (default: those that the request names)' },
  { flags: '--count <n>', description: `How many later calls (default ${DEFAULT_COUNT})` },
  { flags: '--until <time>', description: 'Until when: 2026-01-31T12:00:00Z, or 30m, 8h, 7d from now (default 24h)' },
]

/** What was typed, signed where a key was named. `root` is that of the workspace. */
export async function decisionOf(
  ctx: CommandContext,
  request: ApprovalRequest,
  verdict: 'approve' | 'deny',
  by: Decision['by'],
  { now, root }: { now: number; root: () => string },
): Promise<Decision> {
  const key = text(ctx, 'key')
  const document = text(ctx, 'decision')
  const edit = await editOf(ctx, verdict)
  const edited = edit === undefined ? {} : { edit }
  if (document !== undefined) {
    if (key !== undefined || text(ctx, 'reason') !== undefined || typesGrant(ctx)) {
      throw ctx.usageError('--decision says verdict, reason and grant itself; only --edit goes with it')
    }
    const signed = readSigned(ctx, document)
    const said = readDecision(signed, request.id)
    return { verdict, by, signed, ...edited, ...(said.grant ? { grant: said.grant } : {}) }
  }
  const payload = await payloadOf(ctx, request, verdict, edit, now)
  const { reason, grant } = payload
  const plain = { verdict, by, ...edited, ...(reason === undefined ? {} : { reason }), ...(grant ? { grant } : {}) }
  if (key === undefined) return plain
  return { ...plain, signed: signDecision(payload, readApproverKey(resolve(ctx.cwd, key), root())) }
}

/** What an approver would sign. */
export async function payloadOf(
  ctx: CommandContext,
  request: ApprovalRequest,
  verdict: 'approve' | 'deny',
  edit: Json | undefined,
  now: number,
): Promise<SignedDecision> {
  const reason = text(ctx, 'reason')
  if (reason !== undefined && reason.length > MAX_REASON) {
    throw ctx.usageError(`--reason takes at most ${MAX_REASON} characters`)
  }
  const grant = verdict === 'approve' ? await grantOf(ctx, edit ?? request.action.input, now) : undefined
  return {
    approval: request.id,
    digest: request.action.digest,
    verdict,
    ...(reason === undefined ? {} : { reason }),
    ...(edit === undefined ? {} : { edited: digest(edit) }),
    ...(grant ? { grant } : {}),
    decided_at: new Date(now).toISOString(),
  }
}

/** The input in the file of `--edit`. */
export async function editOf(ctx: CommandContext, verdict: 'approve' | 'deny'): Promise<Json | undefined> {
  const file = text(ctx, 'edit')
  if (file === undefined || verdict === 'deny') return undefined
  return snapshot(await ctx.inputJson(`@${file}`), { depth: 64, bytes: 20 * 1024 * 1024 })
}

async function grantOf(ctx: CommandContext, input: Json, now: number): Promise<GrantTerms | undefined> {
  if (ctx.options['grant'] !== true) {
    if (typesGrant(ctx)) throw ctx.usageError('options of a grant go with --grant')
    return undefined
  }
  try {
    return termsFor(await wishOf(ctx, now), input, now)
  } catch (error) {
    if (error instanceof RangeError) throw ctx.usageError(error.message)
    throw error
  }
}

async function wishOf(ctx: CommandContext, now: number): Promise<GrantWish> {
  const file = text(ctx, 'grantSchema')
  const same = text(ctx, 'grantSame')
  if ((file === undefined) === (same === undefined)) {
    throw ctx.usageError('--grant takes either --grant-same or --grant-schema, which say what must stay as it is')
  }
  const hosts = text(ctx, 'grantHosts')
  const count = countOf(ctx)
  const until = untilOf(ctx, now)
  return {
    ...(file === undefined ? {} : { schema: (await ctx.inputJson(`@${file}`)) as JsonObject }),
    ...(same === undefined ? {} : { same: listOf(same) }),
    ...(hosts === undefined ? {} : { hosts: listOf(hosts) }),
    ...(count === undefined ? {} : { count }),
    ...(until === undefined ? {} : { until }),
  }
}

function countOf(ctx: CommandContext): number | undefined {
  const given = text(ctx, 'count')
  const count = Number(given)
  if (given === undefined) return undefined
  if (Number.isInteger(count) && count > 0) return count
  throw ctx.usageError('--count takes a whole number from 1')
}

function untilOf(ctx: CommandContext, now: number): number | undefined {
  const given = text(ctx, 'until')
  if (given === undefined) return undefined
  const [, count, unit = ''] = /^(\d{1,6})([mhd])$/.exec(given) ?? []
  const until = count === undefined ? Date.parse(given) : now + Number(count) * (UNITS[unit] ?? 0)
  if (Number.isNaN(until) || until <= now) {
    throw ctx.usageError('--until takes a time to come, such as 2026-01-31T12:00:00Z, or 30m, 8h, 7d')
  }
  return until
}

function readSigned(ctx: CommandContext, file: string): string {
  try {
    const bytes = readFileSync(resolve(ctx.cwd, file))
    if (bytes.length > MAX_DECISION) throw new RangeError(`it is larger than ${MAX_DECISION} bytes`)
    return bytes.toString('latin1').trim()
  } catch (error) {
    throw ctx.usageError(`--decision ${file} cannot be read: ${describeThrown(error)}`)
  }
}

function typesGrant({ options }: CommandContext): boolean {
  return GRANT_OPTIONS.some((name) => options[name] !== undefined)
}

function text({ options, usageError }: CommandContext, name: string): string | undefined {
  const value = options[name]
  if (value === undefined) return undefined
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  if (typeof value !== 'string' || (value === '' && name !== 'grantSame')) throw usageError(`--${flag} takes a value`)
  return value
}

function listOf(value: string): readonly string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
