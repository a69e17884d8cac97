// The commands `approvals approve` and `approvals deny`; they must never decide a request whose id was not typed.
import { type ApprovalRequest, type Approvals, ClonedError, type Gate, type Outcome } from 'cloned/kernel'
import { type Command, type CommandContext, type CommandResult, EXIT_CODES } from '../cli/slot.js'
import { outcomeJson, requestJson } from './documents.js'
import { APPROVING, decisionOf, REASON, SIGNING } from './options.js'
import { whyNot } from './request.js'
import { findRequest, ID, type ShowParts, show } from './show.js'

export interface DecideParts extends ShowParts {
  readonly approvals: Approvals
  readonly gate: Pick<Gate, 'actor'>
  readonly now: () => number
  /** Root of the workspace. */
  readonly root: () => string
}

type Verdict = 'approve' | 'deny'

export function decideCommands(parts: DecideParts): readonly Command[] {
  return [
    {
      name: 'approvals approve',
      summary: 'Approve one request, for one use',
      args: [ID],
      options: [REASON, ...APPROVING, ...SIGNING],
      examples: [
        'cloned approvals approve ap_k3v7q2m4x5zt --reason "checked the file"',
        'cloned approvals approve ap_k3v7q2m4x5zt --edit input.json',
        'cloned approvals approve ap_k3v7q2m4x5zt --grant --grant-same path --count 20 --until 8h',
        'cloned approvals approve ap_k3v7q2m4x5zt --key ~/approver.pem',
      ],
      needs: 'workspace',
      run: (ctx) => decide(parts, ctx, 'approve'),
    },
    {
      name: 'approvals deny',
      summary: 'Deny one request',
      args: [ID],
      options: [REASON, ...SIGNING],
      examples: ['cloned approvals deny ap_k3v7q2m4x5zt --reason "wrong directory"'],
      needs: 'workspace',
      run: (ctx) => decide(parts, ctx, 'deny'),
    },
  ]
}

async function decide(parts: DecideParts, ctx: CommandContext, verdict: Verdict): Promise<CommandResult> {
  const before = await findRequest(parts, ctx)
  if (before.state !== 'pending') {
    throw new ClonedError('APPROVAL_UNUSABLE', { approval: before.id, reason: whyNot(before) })
  }
  const decision = await decisionOf(ctx, before, verdict, parts.gate.actor(ctx.actor), {
    now: parts.now(),
    root: parts.root,
  })
  if (ctx.dryRun) {
    const text = `Would give your word to ${verdict} this request, if it counts; nothing was decided.\n${(await show(parts, before, ctx)).text}`
    return { json: { dry_run: true, verdict, approval: requestJson(before) }, text }
  }
  if (ctx.interactive) ctx.tell((await show(parts, before, ctx)).text)
  // Not `confirm`: it answers for the person. Skipping the question with --yes is fine here, the id was typed.
  if (ctx.interactive && !ctx.yes && (await sure(ctx, verdict)) !== 'yes') {
    const json = { decided: false, approval: requestJson(before) }
    return { exit: 1, json, text: '', problem: 'Nothing was decided.' }
  }
  const { request, outcome } = await parts.approvals.decide(before.id, decision)
  const decided = request.decisions !== undefined || request.state !== 'pending'
  const grant =
    decision.grant && (await parts.approvals.grants?.list())?.find(({ approval }) => approval === request.id)
  return {
    exit: outcome ? EXIT_CODES[outcome.status] : 0,
    json: {
      decided,
      approval: requestJson(request),
      ...(grant ? { grant: grant.id } : {}),
      ...(outcome ? { outcome: outcomeJson(outcome) } : {}),
    },
    text: '',
    ...next({ before, request, outcome, verdict, decided }, grant?.id, ctx),
  }
}

interface Ended {
  readonly before: ApprovalRequest
  readonly request: ApprovalRequest
  readonly outcome: Outcome | undefined
  readonly verdict: Verdict
  readonly decided: boolean
}

/** What became of it, and what a person types next. */
function next(
  { before, request, outcome, verdict, decided }: Ended,
  grant: string | undefined,
  ctx: CommandContext,
): { text?: string; problem?: string } {
  const { id } = request
  const { paint } = ctx
  if (verdict === 'deny') return { text: `${paint.red('Denied')} ${id}.` }
  const { kind, target } = request.action
  if (outcome && outcome.status !== 'done' && outcome.status !== 'dry-run') {
    const what = ctx.printable(`${kind} ${target}${decided ? '' : ', as edited,'}`)
    return {
      problem: `${what} is ${outcome.status}: ${ctx.printable(outcome.reason)}\n  ${ctx.printable(outcome.help, { lines: true })}`,
    }
  }
  const approved = `${paint.green('Approved')} ${id}${id === before.id ? '' : `, which is ${before.id} as edited`}`
  if (outcome) return { text: `${approved}, and done: ${ctx.printable(`${kind} ${target}`)}.` }
  if (request.state === 'pending')
    return { text: `Your word on ${id} is kept; more people have to agree before it counts.` }
  const lines = [`${approved}.`, goesOn(request, ctx)]
  if (grant !== undefined) lines.push(`Later calls are covered by ${grant}: cloned approvals grants list`)
  return { text: lines.join('\n') }
}

function goesOn(request: ApprovalRequest, ctx: CommandContext): string {
  const { id: actor } = request.action.actor
  // Not promised: the run may have been cancelled or have ended since it asked.
  if (actor.startsWith('run:')) {
    return `A run that still waits for it goes on; see it: cloned runs show ${ctx.printable(actor.slice('run:'.length))}`
  }
  const until = new Date(request.expiresAt).toISOString()
  return `Run it:  cloned call --approval ${request.id}   (once, until ${until}; or let the caller repeat its call)`
}

function sure(ctx: CommandContext, verdict: Verdict): Promise<'yes' | 'no' | undefined> {
  return ctx.choose(verdict === 'approve' ? 'Approve this?' : 'Deny this?', [
    { value: 'no', label: 'No, leave it as it is' },
    { value: 'yes', label: verdict === 'approve' ? 'Yes, approve' : 'Yes, deny' },
  ])
}
