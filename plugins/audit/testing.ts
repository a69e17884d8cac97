// Hands the audit log of a whole distribution to the suite of audit logs; holds no rule of its own.
import { auditSlot } from 'cloned/kernel'
import type { AuditSubject, TestWorkspace } from 'cloned/testing'

/** The log that stands in the slot of a fresh workspace. `breakIt` makes its storage fail, where that can be done. */
export function auditSubject({ kernel, reopen, close }: TestWorkspace, breakIt?: () => void): AuditSubject {
  return {
    log: kernel.service(auditSlot),
    reopen: async () => (await reopen()).service(auditSlot),
    ...(breakIt ? { breakIt } : {}),
    close,
  }
}
