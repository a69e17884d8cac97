// Contributes the commands of the gate itself and collects everybody's; it runs none of them.
import {
  approvalsSlot,
  type Distribution,
  definePlugin,
  gateSlot,
  onApprovalRequested,
  optional,
  scrubberSlot,
} from 'cloned/kernel'
import { policySlot } from '../policy/slot.js'
import { callCommand } from './commands/call.js'
import { pluginCommands } from './commands/plugins.js'
import type { CommandServices } from './commands/services.js'
import { toolCommands } from './commands/tools.js'
import { howToDecide } from './how-to-decide.js'
import type { RunOptions } from './run.js'
import { cliSlot, commandsCollection } from './slot.js'
import { terminalChannel } from './terminal-channel.js'

// Parts for an owner of the slot that reads lines in another way.
export { callCommand } from './commands/call.js'
export type { CommandServices } from './commands/services.js'
export { toolCommands } from './commands/tools.js'
export { howToDecide } from './how-to-decide.js'
export { type CliIo, processIo } from './io.js'
export { printable } from './printable.js'
export { asClonedError, errorJson, exitOf } from './report.js'
export type { RunOptions } from './run.js'
export * from './slot.js'
export { startFor, workspaceConfig } from './starting.js'
export { terminalChannel } from './terminal-channel.js'
export { type UnattendedParts, unattendedContext } from './unattended.js'
export { lineError, usageError } from './usage.js'

const ID = 'cloned.cli'

/** Runs one command line and answers its exit code; everything it needs is loaded now. See {@link RunOptions}. */
export async function runCli(options: RunOptions): Promise<number> {
  const { runCli: run } = await import('./run.js')
  return run(options)
}

/** Runs a command line as this process, which ends with its exit code; only an executable may call it. */
export async function main(distribution: Distribution, argv: readonly string[]): Promise<never> {
  const { main: run } = await import('./main.js')
  return run(distribution, argv)
}

export const cliPlugin = definePlugin({
  id: ID,
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'The command line: collects commands, calls tools, asks the person at the terminal',
  requires: {
    gate: gateSlot,
    approvals: optional(approvalsSlot),
    policy: optional(policySlot),
    scrubber: optional(scrubberSlot),
  },
  provides: { cli: cliSlot },
  owns: { commands: commandsCollection },
  contributes: { ownCommands: commandsCollection },
  taps: [onApprovalRequested],
  setup({ deps, collected, hooks, now }) {
    const channel = terminalChannel()
    hooks.notify(onApprovalRequested, channel.deliver)
    const services: CommandServices = {
      gate: deps.gate,
      approvals: deps.approvals,
      selfDecision: () => deps.policy?.snapshot().approvals.selfDecision ?? false,
      now,
      channel: ID,
    }
    return {
      cli: {
        commands: collected.commands,
        attach: channel.attach,
        howToDecide: (request) => howToDecide(request, deps.policy?.snapshot().approvals),
        scrub: (text) => deps.scrubber?.text(text, 'terminal') ?? text,
      },
      ownCommands: [callCommand(services), ...toolCommands(services), ...pluginCommands(services)],
    }
  },
})
