// The command `approvals grants`: lists the standing grants and revokes one; it can only ever take permissions away.
import { ClonedError, type Gate, type Grant, type Grants, type JsonObject } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import { actorJson } from './documents.js'
import { whoIs } from './render.js'

interface GrantsParts {
  readonly grants: Grants
  readonly gate: Pick<Gate, 'actor'>
  readonly now: () => number
}

export function grantsCommand(parts: GrantsParts): Command {
  return {
    name: 'approvals grants',
    summary: 'List standing grants, or revoke one: grants list, grants revoke ID',
    args: [
      { name: 'what', description: 'list (default) or revoke' },
      { name: 'id', description: 'Id of the grant to revoke' },
    ],
    options: [{ flags: '--reason <text>', description: 'Why it is revoked, kept in the audit log' }],
    examples: ['cloned approvals grants list', 'cloned approvals grants revoke gr_k3v7q2m4x5zt'],
    needs: 'workspace',
    run: (ctx) => {
      const { what = 'list', id } = ctx.args
      if (what === 'list' && id === undefined) return list(parts, ctx)
      if (what === 'revoke' && id !== undefined) return revoke(parts, id, ctx)
      throw ctx.usageError('use: approvals grants list, or: approvals grants revoke ID')
    },
  }
}

async function list({ grants, now }: GrantsParts, ctx: CommandContext): Promise<CommandResult> {
  const all = await grants.list()
  const rows = all.map((grant) => [
    grant.id,
    stateOf(grant, now()),
    grant.tool,
    `${grant.used} of ${grant.terms.count}`,
    new Date(grant.terms.until).toISOString(),
    whoIs(grant.actor),
    grant.grantedBy.id,
  ])
  return {
    json: { grants: all.map((grant) => grantJson(grant, now())) },
    text:
      rows.length === 0
        ? 'There are no grants.'
        : ctx.table(['id', 'state', 'tool', 'used', 'until', 'for', 'granted by'], rows),
  }
}

async function revoke({ grants, gate, now }: GrantsParts, id: string, ctx: CommandContext): Promise<CommandResult> {
  const { reason } = ctx.options
  if (!(await grants.list()).some((grant) => grant.id === id)) throw new ClonedError('GRANT_UNKNOWN', { grant: id })
  if (ctx.dryRun)
    return { json: { dry_run: true, grant: id }, text: `Would revoke ${ctx.printable(id)}; nothing was done.` }
  const grant = await grants.revoke(id, gate.actor(ctx.actor), typeof reason === 'string' ? reason : undefined)
  return { json: { grant: grantJson(grant, now()) }, text: `${ctx.paint.red('Revoked')} ${ctx.printable(id)}.` }
}

function stateOf({ revokedAt, terms, used }: Grant, now: number): string {
  if (revokedAt !== undefined) return 'revoked'
  if (terms.until <= now) return 'over'
  return used >= terms.count ? 'used up' : 'in force'
}

export function grantJson(grant: Grant, now: number): JsonObject {
  const { id, approval, tool, contract, actor, asks, terms, grantedBy, grantedAt, used, revokedAt } = grant
  return {
    id,
    state: stateOf(grant, now),
    approval,
    tool,
    contract,
    actor: actorJson(actor),
    asks: asks.map(({ plugin, key, reason }) => ({ plugin, key, reason })),
    schema: terms.schema,
    hosts: terms.hosts,
    count: terms.count,
    used,
    until: new Date(terms.until).toISOString(),
    granted_by: actorJson(grantedBy),
    granted_at: new Date(grantedAt).toISOString(),
    ...(revokedAt === undefined ? {} : { revoked_at: new Date(revokedAt).toISOString() }),
  }
}
