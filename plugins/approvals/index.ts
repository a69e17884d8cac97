// Offers the approvals as a plugin: requests, decisions and single use, kept in the store of the workspace.
import { approvalsSlot, auditSlot, definePlugin, gateSlot, onApprovalDecided } from 'cloned/kernel'
import { commandsCollection } from '../cli/slot.js'
import { policySlot } from '../policy/slot.js'
import { storeSlot } from '../store/slot.js'
import { createApprovals, MIGRATIONS } from './approvals.js'
import { approvalCommands } from './commands.js'

export { type ApprovalsDeps, createApprovals } from './approvals.js'

/** Approvals bound to the digest of an action, used once, expiring; decided on the command line or by other plugins. */
export const approvalsPlugin = definePlugin({
  id: 'cloned.approvals',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Approval requests: decided once, used once, bound to the exact action, expiring.',
  requires: { store: storeSlot, policy: policySlot, audit: auditSlot, gate: gateSlot },
  provides: { approvals: approvalsSlot },
  contributes: { commands: commandsCollection },
  fires: [onApprovalDecided],
  setup({ deps, hooks, onStart, now }) {
    const { store, policy, audit, gate } = deps
    const approvals = createApprovals({
      store,
      policy,
      audit,
      gate,
      now,
      osUser: () => gate.actor().osUser,
      decided: (request) => hooks.fire(onApprovalDecided, request),
    })
    onStart(() => store.migrate('cloned.approvals', MIGRATIONS))
    return { approvals, commands: approvalCommands({ approvals, gate }) }
  },
})
