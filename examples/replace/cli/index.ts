// A command line for jobs in the place of the built-in one; it declares and wires, and reads no line itself.
import {
  type ApprovalRequest,
  approvalsSlot,
  definePlugin,
  type Gate,
  gateSlot,
  onApprovalRequested,
  optional,
  outcomeJson,
  scrubberSlot,
} from 'cloned/kernel'
import { actionResult, type Command, cliSlot, commandsCollection, printable, type Terminal } from 'cloned/plugins/cli'
import { policySlot } from 'cloned/plugins/policy'

/** List it, and say so: `replace: { 'cloned.cli': 'acme.cli' }`. Lines are read by {@link runLine}. */
export default definePlugin({
  id: 'acme.cli',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'A command line for jobs: it collects the commands of plugins, and never asks anybody.',
  requires: {
    gate: gateSlot,
    approvals: optional(approvalsSlot),
    policy: optional(policySlot),
    scrubber: optional(scrubberSlot),
  },
  provides: { cli: cliSlot },
  owns: { commands: commandsCollection },
  contributes: { own: commandsCollection },
  taps: [onApprovalRequested],
  setup({ deps: { gate, policy, scrubber }, collected, hooks }) {
    let terminal: Terminal | undefined
    hooks.notify(onApprovalRequested, (request) => {
      terminal?.write(words(request))
      return terminal !== undefined
    })
    return {
      cli: {
        commands: collected.commands,
        attach(given) {
          terminal = given
        },
        howToDecide({ id, osUser }) {
          const { selfDecision, approvers = [] } = policy?.snapshot().approvals ?? {}
          const commands = `cloned approvals approve ${id}   or   cloned approvals deny ${id}`
          if (approvers.length > 0) return `${commands}   by ${approvers.map((approver) => approver.id).join(', ')}`
          return selfDecision ? commands : `an operating-system user other than ${osUser}, who asked`
        },
        scrub: (text) => scrubber?.text(text, 'terminal') ?? text,
      },
      own: [callCommand(gate), toolsCommand(gate)],
    }
  },
})
export { runLine } from './line.js'

/** A request as it is shown. All of it is what an agent wrote. */
function words({ id, action, asks }: ApprovalRequest): string {
  return [
    `Approval ${id}: ${action.kind} ${action.target}, by ${action.actor.id}`,
    ...asks.map(({ reason }) => `  ${reason}`),
    `  ${JSON.stringify(action.input).slice(0, 2_000)}`,
  ]
    .map((line) => printable(line))
    .join('\n')
}

function callCommand(gate: Gate): Command {
  return {
    name: 'call',
    summary: 'Call a tool through the gate, or run a call that was approved',
    args: [{ name: 'tool', description: 'Id of the tool' }],
    options: [
      { flags: '--input <json>', description: 'JSON, @FILE, or - for standard input' },
      { flags: '--approval <id>', description: 'Run the call that this approval was opened for' },
    ],
    examples: ['cloned call cloned.internal.fs.read@v1 --input \'{"path":"README.md"}\''],
    needs: 'workspace',
    async run(ctx) {
      const { args, options, actor, dryRun, signal } = ctx
      const { tool } = args
      const approval = options['approval']
      if ((tool === undefined) === (approval === undefined)) throw ctx.usageError('it takes a tool, or --approval')
      const outcome =
        typeof approval === 'string'
          ? await gate.resume(approval, { dryRun, signal })
          : await gate.call(
              { tool: tool ?? '', input: await ctx.inputJson(options['input']), ...(actor ? { actor } : {}) },
              { dryRun, signal },
            )
      const text = outcome.status === 'done' ? printable(JSON.stringify(outcome.output, null, 2), { lines: true }) : ''
      return { ...actionResult(outcome, text, ctx), json: outcomeJson(outcome) }
    },
  }
}

function toolsCommand(gate: Gate): Command {
  return {
    name: 'tools list',
    summary: 'List the tools that can be called',
    examples: ['cloned tools list'],
    needs: 'workspace',
    async run({ table }) {
      const tools = gate.tools().map(({ id, title, risk }) => ({ id, title, risk }))
      return {
        json: { tools },
        text: table(
          ['tool', 'risk', 'title'],
          tools.map(({ id, title, risk }) => [id, risk, title]),
        ),
      }
    },
  }
}
