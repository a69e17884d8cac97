// The commands with which approvers sign: `approvals keygen` and `approvals request`; they decide nothing.
import { resolve } from 'node:path'
import { type ApprovalRequest, canonical, type Json, thumbprintOf } from 'cloned/kernel'
import type { Command, CommandContext } from '../cli/slot.js'
import { makeApproverKey } from './key-file.js'
import { APPROVING, editOf, payloadOf, REASON } from './options.js'
import { ID } from './show.js'

interface KeyParts {
  readonly find: (ctx: CommandContext) => Promise<ApprovalRequest>
  readonly now: () => number
  readonly root: () => string
}

export function keyCommands({ find, now, root }: KeyParts): readonly Command[] {
  return [
    {
      name: 'approvals keygen',
      summary: 'Make an approver key in a new file, and print what the policy needs of it',
      args: [{ name: 'file', description: 'Where the private key goes: outside of the workspace', required: true }],
      examples: ['cloned approvals keygen ~/approver.pem'],
      needs: 'workspace',
      async run(ctx) {
        const file = resolve(ctx.cwd, ctx.args['file'] ?? '')
        if (ctx.dryRun) return { json: { dry_run: true, file }, text: `Would make ${ctx.printable(file)}.` }
        const { publicKey, key } = makeApproverKey(file, root())
        const text = [
          `Private key: ${ctx.printable(file)} (mode 0600; keep it where no agent can read it)`,
          'For approvals.approvers of the policy:',
          `  - id: user:NAME\n    key: ${publicKey}\n    roles: []`,
        ].join('\n')
        return { json: { file, key: publicKey, thumbprint: thumbprintOf(key) }, text }
      },
    },
    {
      name: 'approvals request',
      summary: 'Print what an approver signs to decide a request: canonical JSON, the payload of a compact JWS (EdDSA)',
      args: [ID],
      options: [{ flags: '--deny', description: 'Of a denial, instead of an approval' }, REASON, ...APPROVING],
      examples: ['cloned approvals request ap_k3v7q2m4x5zt', 'cloned approvals request ap_k3v7q2m4x5zt --deny'],
      needs: 'workspace',
      async run(ctx) {
        const verdict = ctx.options['deny'] === true ? 'deny' : 'approve'
        const payload = await payloadOf(ctx, await find(ctx), verdict, await editOf(ctx, verdict), now())
        const json = payload as unknown as Json
        return { json, text: canonical(json) }
      },
    },
  ]
}
