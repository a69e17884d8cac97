// The commands `firewall allow` and `firewall remove`: ask for a change of the policy; must never make it unasked.
import { type Json, type JsonObject, type Outcome, policyWrite } from 'cloned/kernel'
import { type Command, type CommandContext, type CommandResult, EXIT_CODES } from '../../cli/slot.js'
import { type Change, workOut } from '../change.js'
import type { Edit } from '../overlay-text.js'
import { policyWriteRequest } from '../write.js'
import { decideHere } from './decide-here.js'
import { type FirewallCommandParts, SCOPE_OPTIONS, scopeIn } from './parts.js'
import { ruleIn } from './rule-in.js'

const REASON = { flags: '--reason <text>', description: 'For the person who decides' }

export function allowCommand(parts: FirewallCommandParts): Command {
  return {
    name: 'firewall allow',
    summary: 'Propose to allow hosts; it counts once it is approved',
    args: [
      {
        name: 'host',
        description: 'Lower-case name, *.name for one label before it, or an address',
        required: true,
        many: true,
      },
    ],
    options: [
      ...SCOPE_OPTIONS,
      { flags: '--scheme <list>', description: 'https, http or both (default: https)' },
      { flags: '--port <list>', description: 'Ports (default: that of the scheme)' },
      { flags: '--method <list>', description: 'Methods (default: all)' },
      { flags: '--address <list>', description: 'Private ranges (CIDR) that the host may be in; needs --port' },
      REASON,
    ],
    examples: [
      'cloned firewall allow docs.example.com --tool cloned.internal.http.fetch@v1 --method GET,HEAD',
      'cloned firewall allow nas.example.com --port 8443 --address 192.168.1.0/24',
      'cloned firewall allow example.com --dry-run',
    ],
    needs: 'workspace',
    run: (ctx) => {
      const rule = ruleIn(ctx)
      return change(parts, ctx, {
        scope: scopeIn(ctx),
        add: unique(ctx).map((host) => ({ host, ...rule })),
        remove: [],
      })
    },
  }
}

export function removeCommand(parts: FirewallCommandParts): Command {
  return {
    name: 'firewall remove',
    summary: 'Propose to allow hosts no longer; takes out every allow rule for them in one scope',
    args: [{ name: 'host', description: 'As it stands in the rule', required: true, many: true }],
    options: [...SCOPE_OPTIONS, REASON],
    examples: ['cloned firewall remove docs.example.com --tool cloned.internal.http.fetch@v1'],
    needs: 'workspace',
    run: (ctx) => change(parts, ctx, { scope: scopeIn(ctx), add: [], remove: unique(ctx) }),
  }
}

function unique({ rest }: CommandContext): readonly string[] {
  return [...new Set(rest)]
}

async function change(parts: FirewallCommandParts, ctx: CommandContext, edit: Edit): Promise<CommandResult> {
  const worked = await workOut(parts.change, edit)
  const { write } = worked
  if (!write) return { json: { status: 'in force', ...shown(worked) }, text: lines(ctx, worked.notes) }
  const { reason } = ctx.options
  const request = policyWriteRequest(write, worked, edit.scope, typeof reason === 'string' ? reason : undefined)
  const actor = ctx.actor === undefined ? {} : { actor: ctx.actor }
  const outcome = await parts.gate.act(
    policyWrite,
    { ...request, ...actor },
    { dryRun: ctx.dryRun, signal: ctx.signal },
  )
  const { selfDecision } = parts.policy.snapshot().approvals
  const ended = outcome.status === 'pending' ? await decideHere(outcome, { ...parts, selfDecision }, ctx) : outcome
  return result(ended, worked, write.content, ctx)
}

function result(outcome: Outcome, worked: Change, content: string, ctx: CommandContext): CommandResult {
  const exit = EXIT_CODES[outcome.status]
  const about = { call_id: outcome.callId, ...shown(worked) }
  const notes = lines(ctx, worked.notes)
  switch (outcome.status) {
    case 'done':
      return { exit, json: { status: 'done', ...about }, text: join('In force.', notes) }
    case 'pending': {
      const { id, expiresAt } = outcome.approval
      const until = new Date(expiresAt).toISOString()
      return {
        exit,
        json: { status: 'pending', approval_id: id, expires_at: until, reason: outcome.reason, ...about },
        text: join(ctx.waiting(outcome.approval), notes),
      }
    }
    case 'dry-run': {
      const { verdict, reason = '' } = outcome
      const json: Json = { status: 'dry-run', verdict, reason, ...about, content }
      const merged = ctx.printable(content, { lines: true })
      return {
        exit,
        json,
        text: join(
          merged.trimEnd(),
          `Would end in: ${[verdict, ctx.printable(reason)].filter(Boolean).join(': ')}`,
          notes,
        ),
      }
    }
    default: {
      const { status, code, reason, help } = outcome
      const problem = join(`${ctx.printable(reason)} (${code})`, `  ${ctx.printable(help)}`, notes)
      return { exit, json: { status, code, reason, help, ...about }, text: '', problem }
    }
  }
}

function shown({ added, removed, notes }: Change): JsonObject {
  return { added: added.map((rule) => ({ ...rule }) as JsonObject), removed: [...removed], notes: [...notes] }
}

function lines({ printable }: CommandContext, notes: readonly string[]): string {
  return notes.map((note) => printable(note)).join('\n')
}

function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n')
}
