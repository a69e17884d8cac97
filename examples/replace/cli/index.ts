// A command line for jobs in the place of the built-in one; it declares and wires, and reads no line itself.
import { approvalsSlot, definePlugin, gateSlot, onApprovalRequested, optional, scrubberSlot } from 'cloned/kernel'
import {
  callCommand,
  cliSlot,
  commandsCollection,
  howToDecide,
  terminalChannel,
  toolCommands,
} from 'cloned/plugins/cli'
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
  setup({ deps: { gate, approvals, policy, scrubber }, collected, hooks, now }) {
    const channel = terminalChannel()
    hooks.notify(onApprovalRequested, channel.deliver)
    // Nobody sits there, whatever the policy lets them decide.
    const services = { gate, approvals, selfDecision: () => false, now, channel: 'acme.cli' }
    return {
      cli: {
        commands: collected.commands,
        attach: channel.attach,
        howToDecide: (request) => howToDecide(request, policy?.snapshot().approvals),
        scrub: (text) => scrubber?.text(text, 'terminal') ?? text,
      },
      own: [callCommand(services), ...toolCommands(services)],
    }
  },
})
export { runLine } from './line.js'
