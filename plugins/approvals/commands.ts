// Offers the approvals to people on the command line: lists and shows them, and gathers the commands that decide.
import type { ApprovalRequest, Approvals } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import { type DecideParts, decideCommands } from './decide-command.js'
import { requestJson } from './documents.js'
import { grantsCommand } from './grants-command.js'
import { keyCommands } from './key-commands.js'
import { nameOf, whoIs } from './render.js'
import { findRequest, ID, show } from './show.js'
import { watchCommand } from './watch-command.js'

const STATES: readonly string[] = ['pending', 'approved', 'denied', 'expired', 'used', 'edited']

interface CommandParts extends DecideParts {
  readonly approvals: Approvals & { readonly grants: NonNullable<Approvals['grants']> }
  readonly escalate: (approvalId: string) => Promise<void>
}

/** Every command under `approvals`. */
export function approvalCommands(parts: CommandParts): readonly Command[] {
  return [
    {
      name: 'approvals list',
      summary: 'List approval requests, newest first',
      options: [{ flags: '--state <state>', description: `Only these: ${STATES.join(', ')}` }],
      examples: ['cloned approvals list', 'cloned approvals list --state pending'],
      needs: 'workspace',
      run: (ctx) => list(parts, ctx),
    },
    {
      name: 'approvals show',
      summary: 'Show one approval request in full, with what it would change',
      args: [ID],
      examples: ['cloned approvals show ap_k3v7q2m4x5zt'],
      needs: 'workspace',
      run: async (ctx) => show(parts, await findRequest(parts, ctx), ctx),
    },
    ...decideCommands(parts),
    watchCommand(parts),
    grantsCommand({ ...parts, grants: parts.approvals.grants }),
    ...keyCommands({ ...parts, find: (ctx) => findRequest(parts, ctx) }),
  ]
}

async function list({ approvals }: CommandParts, ctx: CommandContext): Promise<CommandResult> {
  const state = ctx.options['state']
  if (state !== undefined && !isState(state)) {
    throw ctx.usageError(`--state takes one of ${STATES.join(', ')}, not "${String(state)}"`)
  }
  const requests = await approvals.list(state === undefined ? {} : { state })
  const rows = requests.map((request) => [
    request.id,
    request.state,
    nameOf(request.action),
    whoIs(request.action.actor),
    new Date(request.createdAt).toISOString(),
    new Date(request.expiresAt).toISOString(),
  ])
  return {
    json: { approvals: requests.map(requestJson) },
    text:
      rows.length === 0
        ? `There are no ${state === undefined ? '' : `${state} `}approvals.`
        : ctx.table(['id', 'state', 'what', 'requested by', 'requested at', 'expires at'], rows),
  }
}

function isState(state: string | boolean): state is ApprovalRequest['state'] {
  return typeof state === 'string' && STATES.includes(state)
}
