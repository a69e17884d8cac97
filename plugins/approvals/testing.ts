// Hands the approvals of a whole distribution to the suite of approvals; holds no rule of its own.
import { approvalsSlot, auditSlot } from 'cloned/kernel'
import type { ApprovalsFixture, TestWorkspace } from 'cloned/testing'
import { policySlot } from '../policy/slot.js'

/** The approvals that stand in the slot of a fresh workspace, whose process has to be that of `TEST_DECIDER.osUser`. */
export function approvalsSubject({ kernel, advance, close }: TestWorkspace): ApprovalsFixture {
  return {
    approvals: kernel.service(approvalsSlot),
    audit: kernel.service(auditSlot),
    expiresMs: kernel.service(policySlot).snapshot().approvals.expiresMs,
    advance,
    close,
  }
}
