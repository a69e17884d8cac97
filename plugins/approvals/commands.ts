// Offers the approvals to people on the command line: lists and shows them, and gathers the commands that decide.
import type { ApprovalRequest, Approvals, Gate, Json } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import { type DecideParts, decideCommands } from './decide-command.js'
import { requestJson } from './documents.js'
import { grantsCommand } from './grants-command.js'
import { keyCommands } from './key-commands.js'
import { nameOf, whoIs } from './render.js'
import { findRequest, ID, show } from './show.js'
import type { Previewer } from './slot.js'
import { watchCommand } from './watch-command.js'

const STATES: readonly string[] = ['pending', 'approved', 'denied', 'expired', 'used', 'edited']

/** What the commands work with; those whose part is absent are not there. */
export interface ApprovalCommandParts {
  readonly approvals: Approvals
  readonly gate: Pick<Gate, 'actor'>
  readonly now: () => number
  /** What requests would change. Default: none is shown. */
  readonly previews?: () => readonly Previewer[]
  /** Takes secrets out of what is shown. Default: nothing does. */
  readonly scrub?: (value: Json) => Json
  /** Tells the next role of a request that waits: for `approvals watch`. */
  readonly escalate?: (approvalId: string) => Promise<void>
  /** Root of the workspace, where the keys of approvers must not be: for the commands about them. */
  readonly root?: () => string
}

/** Every command under `approvals`. */
export function approvalCommands(given: ApprovalCommandParts): readonly Command[] {
  const { approvals, escalate, root } = given
  const { previews = () => [], scrub = (value: Json) => value } = given
  const parts: DecideParts = { ...given, previews, scrub, root: root ?? (() => '/') }
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
    ...(escalate ? [watchCommand({ approvals, escalate, scrub })] : []),
    ...(approvals.grants ? [grantsCommand({ ...parts, grants: approvals.grants })] : []),
    ...(root ? keyCommands({ ...parts, root, find: (ctx) => findRequest(parts, ctx) }) : []),
  ]
}

async function list({ approvals }: Pick<DecideParts, 'approvals'>, ctx: CommandContext): Promise<CommandResult> {
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
