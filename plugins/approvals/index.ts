// Offers the approvals as a plugin: requests, decisions, grants and single use, kept in the store and proven by the log.
import {
  approvalsSlot,
  auditSlot,
  definePlugin,
  gateSlot,
  type Json,
  onApprovalDecided,
  optional,
  scrubberSlot,
} from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { policySlot } from '../policy/slot.js'
import { storeSlot } from '../store/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { createApprovals, MIGRATIONS } from './approvals.js'
import { approvalCommands } from './commands.js'
import { createEscalate } from './escalate.js'
import { ESCALATIONS } from './requests.js'
import { approvalsPart } from './routes.js'
import { onApprovalEscalated, previewsCollection } from './slot.js'

export { type ApprovalsDeps, createApprovals } from './approvals.js'
// Parts for an owner of the slot that keeps requests elsewhere: whose word counts, and the commands.
export { asksKey, covers } from './asks.js'
export { type Person, ruleFor } from './authority.js'
export { type ApprovalCommandParts, approvalCommands } from './commands.js'
export * from './slot.js'
export { type Said, speakerOf } from './speaker.js'

/** Approvals bound to the digest of an action, used once, expiring; decided on the command line or by other plugins. */
export const approvalsPlugin = definePlugin({
  id: 'cloned.approvals',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description:
    'Approval requests and standing grants: bound to the exact action, used once, expiring, proven by the log.',
  requires: {
    store: storeSlot,
    policy: policySlot,
    audit: auditSlot,
    gate: gateSlot,
    workspace: optional(workspaceSlot),
    scrubber: optional(scrubberSlot),
  },
  provides: { approvals: approvalsSlot },
  owns: { previews: previewsCollection },
  contributes: { commands: commandsCollection, routes: routesCollection },
  fires: [onApprovalDecided, onApprovalEscalated],
  setup({ deps, collected, hooks, onStart, now }) {
    const { store, policy, audit, gate, workspace, scrubber } = deps
    const approvals = createApprovals({
      store,
      policy,
      audit,
      gate,
      now,
      osUser: () => gate.actor().osUser,
      decided: (request) => hooks.fire(onApprovalDecided, request),
    })
    const escalated = (escalation: Parameters<Parameters<typeof createEscalate>[0]['escalated']>[0]) =>
      hooks.fire(onApprovalEscalated, escalation)
    const escalate = createEscalate({ store, policy, audit, now, escalated })
    onStart(async () => {
      await store.migrate('cloned.approvals', MIGRATIONS)
      store.work(ESCALATIONS, escalate)
    })
    const commands = approvalCommands({
      approvals,
      gate,
      escalate,
      now,
      previews: () => collected.previews().map(({ item }) => item),
      root: () => workspace?.root ?? '/',
      scrub: (value: Json) => scrubber?.json(value, 'approvals') ?? value,
    })
    return { approvals, commands, routes: [approvalsPart({ approvals, now })] }
  },
})
