// The commands that take a connector out of the sandbox and put it back, each by a governed action.
import type { ActionKind, Gate, Json, Outcome } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import { sandboxOff, sandboxRequired } from './kinds.js'
import type { Sandbox } from './slot.js'

const ID = { name: 'connector', description: 'Id of the connector', required: true } as const
const DAY = /^\d{4}-\d{2}-\d{2}$/

export function sandboxCommands(gate: Gate, sandbox: Sandbox): readonly Command[] {
  return [
    {
      name: 'sandbox off',
      summary: 'Let one connector run without a sandbox until a day, as a governed action',
      args: [ID],
      options: [
        { flags: '--reason <text>', description: 'Why, for those who decide and for the audit log' },
        { flags: '--until <day>', description: 'Last day, at most 90 days ahead: 2026-12-31' },
      ],
      examples: ['cloned sandbox off acme.legacy --reason "needs a device, ticket 41" --until 2026-12-31'],
      needs: 'workspace',
      async run(ctx) {
        const { reason, until } = ctx.options
        if (typeof reason !== 'string') throw ctx.usageError('--reason is missing')
        if (typeof until !== 'string' || !DAY.test(until)) throw ctx.usageError('--until is not a day: 2026-12-31')
        const end = Date.parse(`${until}T23:59:59Z`)
        if (Number.isNaN(end)) throw ctx.usageError(`--until ${until} is not a day`)
        const connector = ctx.args['connector'] ?? ''
        return await act(ctx, gate, sandboxOff, connector, { connector, reason, until: end })
      },
    },
    {
      name: 'sandbox require',
      summary: 'Put a connector back into the sandbox',
      args: [ID],
      examples: ['cloned sandbox require acme.legacy'],
      needs: 'workspace',
      async run(ctx) {
        const connector = ctx.args['connector'] ?? ''
        return await act(ctx, gate, sandboxRequired, connector, { connector })
      },
    },
    {
      name: 'sandbox list',
      summary: 'List the connectors that run without a sandbox',
      examples: ['cloned sandbox list'],
      needs: 'workspace',
      async run(ctx) {
        const all = await sandbox.exemptions()
        const rows = all.map(({ connector, until, by, reason }) => [
          connector,
          new Date(until).toISOString(),
          by,
          reason,
        ])
        const text =
          rows.length === 0 ? 'Every connector is confined.' : ctx.table(['connector', 'until', 'by', 'reason'], rows)
        return { json: { exemptions: all.map((each) => ({ ...each })) }, text }
      },
    },
  ]
}

async function act<I extends Json>(
  ctx: CommandContext,
  gate: Gate,
  kind: ActionKind<I, Json>,
  target: string,
  input: I,
): Promise<CommandResult> {
  const request = { target, input, ...(ctx.actor === undefined ? {} : { actor: ctx.actor }) }
  return result(await gate.act(kind, request, { dryRun: ctx.dryRun, signal: ctx.signal }), target)
}

function result(outcome: Outcome, connector: string): CommandResult {
  switch (outcome.status) {
    case 'done':
      return { json: { status: outcome.status, output: outcome.output }, text: `Done for ${connector}.` }
    case 'pending': {
      const { approval, reason, help } = outcome
      return {
        exit: 4,
        json: { status: outcome.status, approval: approval.id },
        text: '',
        problem: `${reason}\n${help}`,
      }
    }
    case 'dry-run':
      return { json: { status: outcome.status, verdict: outcome.verdict }, text: `It would be: ${outcome.verdict}.` }
    default: {
      const { code, reason, help } = outcome
      const exit = outcome.status === 'denied' ? 3 : 1
      return { exit, json: { status: outcome.status, code, reason, help }, text: '', problem: `${reason}\n${help}` }
    }
  }
}
