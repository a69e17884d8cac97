// Records what a person decided, once; must never let a claim pass for a person, nor a decision go unrecorded.
import {
  type Actor,
  type ApprovalRequest,
  type Approvals,
  type AuditLog,
  ClonedError,
  canonical,
  type Decision,
  type Gate,
  type JsonObject,
} from 'cloned/kernel'
import type { Policy } from '../policy/slot.js'
import type { Store } from '../store/slot.js'
import { actorJson } from './documents.js'
import { requestOf, whyNot } from './request.js'

interface DecideDeps {
  readonly store: Pick<Store, 'all' | 'write'>
  readonly policy: Pick<Policy, 'snapshot'>
  readonly audit: Pick<AuditLog, 'append' | 'token'>
  readonly gate: Pick<Gate, 'onApproval' | 'resume'>
  /** The operating-system user of this process: the only thing about a decider that is not merely claimed. */
  readonly osUser: () => string
  readonly now: () => number
  /** Hears of every decision after it is durable. */
  readonly decided: (request: ApprovalRequest) => void
}

/** The part of {@link Approvals} that decides. */
export function createDecide(deps: DecideDeps): Approvals['decide'] {
  const { store, policy, audit, gate, osUser, now, decided } = deps
  return async (approvalId, decision) => {
    const at = now()
    const before = await pending(store, approvalId, at)
    const by: Actor = { ...decision.by, osUser: osUser() }
    const { selfDecision } = policy.snapshot().approvals
    if (!selfDecision && !isSomebodyElse(by, before.action.actor)) {
      throw unusable(
        approvalId,
        'this workspace wants the decision of another operating-system user than the requester',
      )
    }
    const executes = decision.verdict === 'approve' && gate.onApproval(before.action.kind) === 'execute'

    // Recorded first: a decision that the log does not know must not exist, not even for a moment.
    const { seq } = await audit.append({
      type: 'approval.decided',
      ts: new Date(at).toISOString(),
      ...describe(before, decision, by),
      // Under the token that the records of the action carry; the digest itself would let a reader try inputs out.
      digest: audit.token('digest', canonical(before.action.digest)),
    })
    const [changed] = await store.write([
      {
        sql: `update approvals
              set state = $2, decided_at = cast($3 as bigint), decided_by = $4, reason = $5
              where id = $1 and state = 'pending' and expires_at > cast($6 as bigint)
              returning *`,
        args: [
          approvalId,
          decision.verdict === 'approve' ? 'approved' : 'denied',
          at,
          canonical({ id: by.id, claimed: by.claimed, osUser: by.osUser }),
          decision.reason ?? null,
          now(),
        ],
      },
    ])
    const [row] = changed ?? []
    if (!row) {
      // Somebody else decided between the look and the change: the log must not keep two decisions as valid.
      await audit.append({
        type: 'approval.decision_void',
        ts: new Date(now()).toISOString(),
        approval: approvalId,
        decided_seq: seq,
      })
      await pending(store, approvalId, now())
      throw unusable(approvalId, 'it changed while it was decided')
    }
    const request = requestOf(row, at)
    decided(request)
    return executes ? { request, outcome: await gate.resume(approvalId) } : { request }
  }
}

async function pending(store: DecideDeps['store'], id: string, at: number): Promise<ApprovalRequest> {
  const [row] = await store.all('select * from approvals where id = $1', id)
  if (!row) throw new ClonedError('APPROVAL_UNKNOWN', { approval: id })
  const request = requestOf(row, at)
  if (request.state === 'pending') return request
  if (row['state'] === 'pending') {
    // Made to stay: a clock that steps back later must not open it again.
    await store.write([
      { sql: "update approvals set state = 'expired' where id = $1 and state = 'pending'", args: [id] },
    ])
  }
  throw unusable(id, whyNot(request))
}

// Ids are claims of the caller (`--actor`), so two ids prove nothing; an unknown user is nobody's.
function isSomebodyElse(by: Actor, requester: Actor): boolean {
  return by.osUser !== '' && requester.osUser !== '' && by.osUser !== requester.osUser
}

function describe({ id, action, asks }: ApprovalRequest, { verdict, reason }: Decision, by: Actor): JsonObject {
  return {
    approval: id,
    verdict,
    by: actorJson(by),
    requester: actorJson(action.actor),
    kind: action.kind,
    target: action.target,
    asks: asks.map(({ plugin, key }) => ({ plugin, key })),
    ...(reason === undefined ? {} : { reason }),
  }
}

function unusable(approval: string, reason: string): ClonedError {
  return new ClonedError('APPROVAL_UNUSABLE', { approval, reason })
}
