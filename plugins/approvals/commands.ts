// Offers the approvals to people on the command line; must never decide a request whose id was not typed.
import { type ApprovalRequest, type Approvals, ClonedError, type Gate, type Outcome } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult, ExitCode } from '../cli/slot.js'
import { outcomeJson, requestJson } from './documents.js'
import { renderRequest, whoIs } from './render.js'
import { whyNot } from './request.js'

const STATES: readonly string[] = ['pending', 'approved', 'denied', 'expired', 'used']
const MAX_REASON = 1000
const EXITS: Readonly<Record<Outcome['status'], ExitCode>> = {
  done: 0,
  'dry-run': 0,
  failed: 1,
  denied: 3,
  pending: 4,
}

interface CommandDeps {
  readonly approvals: Approvals
  readonly gate: Pick<Gate, 'actor' | 'onApproval'>
}

const ID = {
  name: 'id',
  description: 'Id of the approval, as `cloned approvals list` shows it',
  required: true,
} as const
const REASON = { flags: '--reason <text>', description: 'Why, kept with the decision and in the audit log' } as const

/** The commands `approvals list`, `show`, `approve` and `deny`. */
export function approvalCommands(deps: CommandDeps): readonly Command[] {
  return [
    {
      name: 'approvals list',
      summary: 'List approval requests, newest first',
      options: [{ flags: '--state <state>', description: `Only these: ${STATES.join(', ')}` }],
      examples: ['cloned approvals list', 'cloned approvals list --state pending'],
      needs: 'workspace',
      run: (ctx) => list(deps, ctx),
    },
    {
      name: 'approvals show',
      summary: 'Show one approval request in full',
      args: [ID],
      examples: ['cloned approvals show ap_k3v7q2m4x5zt'],
      needs: 'workspace',
      async run(ctx) {
        const request = await find(deps, ctx)
        return { json: requestJson(request), text: renderRequest(request, ctx) }
      },
    },
    {
      name: 'approvals approve',
      summary: 'Approve one request, for one use',
      args: [ID],
      options: [REASON],
      examples: ['cloned approvals approve ap_k3v7q2m4x5zt --reason "checked the file"'],
      needs: 'workspace',
      run: (ctx) => decide(deps, ctx, 'approve'),
    },
    {
      name: 'approvals deny',
      summary: 'Deny one request',
      args: [ID],
      options: [REASON],
      examples: ['cloned approvals deny ap_k3v7q2m4x5zt --reason "wrong directory"'],
      needs: 'workspace',
      run: (ctx) => decide(deps, ctx, 'deny'),
    },
  ]
}

async function list({ approvals }: CommandDeps, ctx: CommandContext): Promise<CommandResult> {
  const state = ctx.options['state']
  if (state !== undefined && !isState(state)) {
    throw ctx.usageError(`--state takes one of ${STATES.join(', ')}, not "${String(state)}"`)
  }
  const requests = await approvals.list(state === undefined ? {} : { state })
  const rows = requests.map((request) => [
    request.id,
    request.state,
    request.action.target,
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

async function decide(deps: CommandDeps, ctx: CommandContext, verdict: 'approve' | 'deny'): Promise<CommandResult> {
  const before = await find(deps, ctx)
  if (before.state !== 'pending') {
    throw new ClonedError('APPROVAL_UNUSABLE', { approval: before.id, reason: whyNot(before) })
  }
  const reason = ctx.options['reason']
  if (typeof reason === 'string' && reason.length > MAX_REASON) {
    throw ctx.usageError(`--reason takes at most ${MAX_REASON} characters`)
  }
  if (ctx.dryRun) {
    const text = `Would ${verdict} this request; nothing was decided.\n${renderRequest(before, ctx)}`
    return { json: { dry_run: true, verdict, approval: requestJson(before) }, text }
  }
  if (ctx.interactive) ctx.tell(renderRequest(before, ctx))
  // Not `confirm`: it answers for the person. Skipping the question with --yes is fine here, the id was typed.
  if (ctx.interactive && !ctx.yes && (await sure(ctx, verdict)) !== 'yes') {
    return {
      exit: 1,
      json: { decided: false, approval: requestJson(before) },
      text: '',
      problem: 'Nothing was decided.',
    }
  }
  const { request, outcome } = await deps.approvals.decide(before.id, {
    verdict,
    by: deps.gate.actor(ctx.actor),
    ...(typeof reason === 'string' ? { reason } : {}),
  })
  return {
    exit: outcome ? EXITS[outcome.status] : 0,
    json: {
      decided: true,
      approval: requestJson(request),
      ...(outcome ? { outcome: outcomeJson(outcome) } : {}),
    },
    text: `${ctx.paint.green(verdict === 'approve' ? 'Approved' : 'Denied')} ${request.id}.`,
    ...next(request, outcome, verdict, ctx),
  }
}

// What a person types next, or what became of an action that the decision itself set going.
function next(
  request: ApprovalRequest,
  outcome: Outcome | undefined,
  verdict: 'approve' | 'deny',
  ctx: CommandContext,
): { text?: string; problem?: string } {
  const id = request.id
  if (verdict === 'deny') return {}
  if (!outcome) {
    const { id: actor } = request.action.actor
    if (actor.startsWith('run:')) {
      const goesOn = `Its run goes on, unless it has ended: cloned runs show ${ctx.printable(actor.slice('run:'.length))}`
      return { text: `${ctx.paint.green('Approved')} ${id}.\n${goesOn}` }
    }
    const until = new Date(request.expiresAt).toISOString()
    const repeat = `Run it:  cloned call --approval ${id}   (once, until ${until}; or let the caller repeat its call)`
    return { text: `${ctx.paint.green('Approved')} ${id}.\n${repeat}` }
  }
  const { kind, target } = request.action
  const what = ctx.printable(`${kind} ${target}`)
  if (outcome.status === 'done') return { text: `${ctx.paint.green('Approved')} ${id}, and done: ${what}.` }
  if (outcome.status === 'dry-run') return {}
  const help = ctx.printable(outcome.help, { lines: true })
  return { problem: `${what} is ${outcome.status}: ${ctx.printable(outcome.reason)}\n  ${help}` }
}

function sure(ctx: CommandContext, verdict: 'approve' | 'deny'): Promise<'yes' | 'no' | undefined> {
  return ctx.choose(verdict === 'approve' ? 'Approve this, for one use?' : 'Deny this?', [
    { value: 'no', label: 'No, leave it as it is' },
    { value: 'yes', label: verdict === 'approve' ? 'Yes, approve' : 'Yes, deny' },
  ])
}

async function find({ approvals }: CommandDeps, ctx: CommandContext): Promise<ApprovalRequest> {
  const id = ctx.args['id'] ?? ''
  const request = await approvals.get(id)
  if (!request) throw new ClonedError('APPROVAL_UNKNOWN', { approval: id })
  return request
}

function isState(state: string | boolean): state is ApprovalRequest['state'] {
  return typeof state === 'string' && STATES.includes(state)
}
