// Offers the approvals to people on the command line; it must never decide a request whose id was not typed.
import type { ApprovalRequest, Approvals, Gate } from 'cloned/kernel'
import { type Command, type CommandContext, type CommandResult, EXIT_CODES } from 'cloned/plugins/cli'

const ID = { name: 'id', description: 'Id of the approval', required: true } as const

export function commands(approvals: Approvals, gate: Pick<Gate, 'actor'>): readonly Command[] {
  const documentOf = ({ id, state, action, createdAt, expiresAt }: ApprovalRequest) => ({
    id,
    state,
    kind: action.kind,
    target: action.target,
    requested_by: action.actor.id,
    created_at: new Date(createdAt).toISOString(),
    expires_at: new Date(expiresAt).toISOString(),
  })
  async function decide(verdict: 'approve' | 'deny', ctx: CommandContext): Promise<CommandResult> {
    const id = ctx.args['id'] ?? ''
    if (ctx.dryRun) return { json: { dry_run: true, verdict, id }, text: `Would ${verdict} ${ctx.printable(id)}.` }
    const { request, outcome } = await approvals.decide(id, { verdict, by: gate.actor(ctx.actor) })
    const text = `${ctx.printable(id)} is ${request.state}${outcome ? ` and ${outcome.status}` : ''}.`
    return { exit: outcome ? EXIT_CODES[outcome.status] : 0, json: documentOf(request), text }
  }
  return [
    {
      name: 'approvals list',
      summary: 'List approval requests, newest first',
      options: [{ flags: '--state <state>', description: 'Only these' }],
      examples: ['cloned approvals list --state pending'],
      needs: 'workspace',
      async run(ctx) {
        const requests = (await approvals.list()).filter(({ state }) => state === (ctx.options['state'] ?? state))
        const rows = requests.map(({ id, state, action }) => [id, state, action.target, action.actor.id])
        return { json: { approvals: requests.map(documentOf) }, text: ctx.table(['id', 'state', 'what', 'who'], rows) }
      },
    },
    ...(['approve', 'deny'] as const).map(
      (verdict): Command => ({
        name: `approvals ${verdict}`,
        summary: verdict === 'approve' ? 'Approve one request, for one use' : 'Deny one request',
        args: [ID],
        examples: [`cloned approvals ${verdict} ap_1f3a5c7e9b2d4f60`],
        needs: 'workspace',
        run: (ctx) => decide(verdict, ctx),
      }),
    ),
  ]
}
