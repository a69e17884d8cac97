// The commands that take a connector out of the sandbox and put it back, each by a governed action.
import type { ActionKind, Gate, Json } from 'cloned/kernel'
import { actionResult, type Command, type CommandContext, type CommandResult } from '../cli/slot.js'
import { CONNECTOR, SHORTEST_REASON, sandboxOff, sandboxRequired } from './kinds.js'
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
        if (typeof reason !== 'string' || reason.length < SHORTEST_REASON) {
          throw ctx.usageError(`--reason has to say why, in ${SHORTEST_REASON} characters or more`)
        }
        if (typeof until !== 'string' || !DAY.test(until)) throw ctx.usageError('--until is not a day: 2026-12-31')
        const end = Date.parse(`${until}T23:59:59Z`)
        if (Number.isNaN(end)) throw ctx.usageError(`--until ${until} is not a day`)
        const connector = connectorOf(ctx)
        const title = `Run the connector ${connector} without a sandbox until ${until}: ${reason}`
        return await act(ctx, gate, sandboxOff, { connector, reason, until: end }, title)
      },
    },
    {
      name: 'sandbox require',
      summary: 'Put a connector back into the sandbox',
      args: [ID],
      examples: ['cloned sandbox require acme.legacy'],
      needs: 'workspace',
      async run(ctx) {
        const connector = connectorOf(ctx)
        return await act(ctx, gate, sandboxRequired, { connector }, `Confine the connector ${connector} again`)
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

function connectorOf(ctx: CommandContext): string {
  const { connector = '' } = ctx.args
  if (CONNECTOR.test(connector)) return connector
  throw ctx.usageError(`${ctx.printable(connector)} is no id of a connector: acme.legacy`)
}

async function act<I extends Json & { readonly connector: string }>(
  ctx: CommandContext,
  gate: Gate,
  kind: ActionKind<I, Json>,
  input: I,
  title: string,
): Promise<CommandResult> {
  const target = input.connector
  const about = { title }
  const request = { target, input, about, ...(ctx.actor === undefined ? {} : { actor: ctx.actor }) }
  const outcome = await gate.act(kind, request, { dryRun: ctx.dryRun, signal: ctx.signal })
  return actionResult(outcome, `Done for ${ctx.printable(target)}.`, ctx)
}
