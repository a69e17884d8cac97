// Approvals whose every step is a record of the audit log, in the place of the built-in ones; it declares and wires.
import { approvalsSlot, auditSlot, definePlugin, gateSlot, onApprovalDecided } from 'cloned/kernel'
import { commandsCollection } from 'cloned/plugins/cli'
import { policySlot } from 'cloned/plugins/policy'
import { storeSlot } from 'cloned/plugins/store'
import { createApprovals, STEPS } from './approvals.js'
import { commands } from './commands.js'

/** List it, and say so: `replace: { 'cloned.approvals': 'acme.approvals' }`. */
export default definePlugin({
  id: 'acme.approvals',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Approvals that live in the audit log: opened, decided and used by its records alone.',
  requires: { audit: auditSlot, store: storeSlot, policy: policySlot, gate: gateSlot },
  provides: { approvals: approvalsSlot },
  contributes: { commands: commandsCollection },
  fires: [onApprovalDecided],
  setup({ deps, hooks, onStart, now }) {
    const decided = (request: Parameters<Parameters<typeof createApprovals>[0]['decided']>[0]) =>
      hooks.fire(onApprovalDecided, request)
    const approvals = createApprovals({ ...deps, now, decided })
    onStart(() => deps.store.migrate('acme.approvals', STEPS))
    return { approvals, commands: commands(approvals, deps.gate) }
  },
})
