// Approvals whose every step is a record of the audit log, in the place of the built-in ones; it declares and wires.
import { approvalsSlot, auditSlot, definePlugin, gateSlot, onApprovalDecided } from 'cloned/kernel'
import { approvalCommands } from 'cloned/plugins/approvals'
import { commandsCollection } from 'cloned/plugins/cli'
import { policySlot } from 'cloned/plugins/policy'
import { storeSlot } from 'cloned/plugins/store'
import { createApprovals, STEPS } from './approvals.js'

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
    const approvals = createApprovals({ ...deps, now, decided: (request) => hooks.fire(onApprovalDecided, request) })
    onStart(() => deps.store.migrate('acme.approvals', STEPS))
    return { approvals, commands: approvalCommands({ approvals, gate: deps.gate, now }) }
  },
})
