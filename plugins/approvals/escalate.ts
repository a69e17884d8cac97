// Lets another role know of a request that nobody decided in time; must never decide anything itself.
import type { ApprovalRequest } from 'cloned/kernel'
import type { Policy } from '../policy/slot.js'
import type { Store } from '../store/slot.js'
import { ruleFor } from './authority.js'
import type { Log } from './evidence.js'
import { requestOf } from './request.js'
import { ESCALATIONS } from './requests.js'
import type { Escalation } from './slot.js'

export interface EscalateDeps {
  readonly store: Pick<Store, 'all' | 'write'>
  readonly policy: Pick<Policy, 'snapshot'>
  readonly audit: Pick<Log, 'append'>
  readonly now: () => number
  /** Hears of an escalation once, as far as crashes allow: at least once. */
  readonly escalated: (escalation: Escalation) => void
}

/** Escalates a request whose time has come; does nothing for every other one. */
export function createEscalate(deps: EscalateDeps): (approvalId: string) => Promise<void> {
  const { store, policy, audit, now, escalated } = deps
  return async (approvalId) => {
    const at = now()
    const [row] = await store.all('select * from approvals where id = $1 and escalated_at is null', approvalId)
    const request: ApprovalRequest | undefined = row && requestOf(row, at)
    const escalate =
      request?.state === 'pending' ? ruleFor(policy.snapshot().approvals, request.action)?.escalate : undefined
    if (!request || !escalate) return
    const due = request.createdAt + escalate.afterMs
    if (at < due) {
      // The policy gives it more time than it did when the request was opened.
      await store.write([], { wakes: [{ queue: ESCALATIONS, key: approvalId, at: due }] })
      return
    }
    const { role } = escalate
    await audit.append({ type: 'approval.escalated', ts: new Date(at).toISOString(), approval: approvalId, role })
    const [marked] = await store.write([
      {
        sql: `update approvals set escalated_at = cast($2 as bigint)
              where id = $1 and state = 'pending' and escalated_at is null returning id`,
        args: [approvalId, at],
      },
    ])
    if (marked?.length === 1) escalated({ request, role })
  }
}
