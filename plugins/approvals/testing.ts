// Hands the approvals of a whole distribution to the suite of approvals; holds no rule of its own.
import {
  type ApprovalRequest,
  approvalsSlot,
  auditSlot,
  definePlugin,
  onApprovalDecided,
  policyWrite,
} from 'cloned/kernel'
import { type ApprovalsFixture, type DeciderRules, mustAct, type OpenReplaced, TEST_DECIDER } from 'cloned/testing'
import { policySlot } from '../policy/slot.js'

/** The approvals that stand in the slot of a workspace that it opens, as a process of `TEST_DECIDER.osUser`. */
export async function approvalsSubject(open: OpenReplaced): Promise<ApprovalsFixture> {
  const heard: ApprovalRequest[] = []
  const listener = definePlugin({
    id: 'bench.approvals',
    version: '1.0.0',
    kernel: '^0.1.0',
    taps: [onApprovalDecided],
    setup: ({ hooks }) => hooks.observe(onApprovalDecided, (request) => void heard.push(request)),
  })
  const { kernel, advance, beside, close } = await open({ osUser: TEST_DECIDER.osUser, plugins: [listener] })
  const policy = kernel.service(policySlot)
  return {
    approvals: kernel.service(approvalsSlot),
    audit: kernel.service(auditSlot),
    heard,
    expiresMs: policy.snapshot().approvals.expiresMs,
    beside: async () => (await beside()).service(approvalsSlot),
    async govern(rules) {
      const { pack, overlay: previous } = policy.snapshot()
      await mustAct(kernel, policyWrite, pack, { pack, content: overlayOf(pack, rules), previous })
    },
    advance,
    close,
  }
}

function overlayOf(pack: string, { selfDecision, approvers, quorum, maxPending }: DeciderRules): string {
  const approvals = {
    self_decision: selfDecision,
    approvers: approvers?.map((user) => ({ id: `user:${user}`, os_user: user })),
    rules: quorum && [{ actions: ['test.action'], quorum: { n: quorum } }],
    max_pending_per_actor: maxPending,
  }
  // JSON is YAML too, and leaves out what is undefined.
  return JSON.stringify({ version: 1, pack, approvals })
}
