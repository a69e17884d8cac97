// Words requests and what became of them as JSON documents for machines: keys in snake case, times in ISO 8601.
import type { Actor, ApprovalRequest, DecisionMade, JsonObject, Outcome } from 'cloned/kernel'

const time = (at: number) => new Date(at).toISOString()

/** A request in full. */
export function requestJson(request: ApprovalRequest): JsonObject {
  const { kind, target, contract, digest, about, input, actor } = request.action
  return {
    id: request.id,
    state: request.state,
    kind,
    target,
    about,
    input,
    requester: actorJson(actor),
    asks: request.asks.map((ask) => ({ ...ask })),
    created_at: time(request.createdAt),
    expires_at: time(request.expiresAt),
    ...(request.decidedBy ? { decided_by: actorJson(request.decidedBy) } : {}),
    ...(request.decidedAt === undefined ? {} : { decided_at: time(request.decidedAt) }),
    ...(request.reason === undefined ? {} : { reason: request.reason }),
    ...(request.usedBy === undefined ? {} : { used_by: request.usedBy }),
    ...(request.replacedBy === undefined ? {} : { replaced_by: request.replacedBy }),
    ...(request.inputDropped ? { input_dropped: true } : {}),
    ...(request.decisions ? { decisions: request.decisions.map(wordJson) } : {}),
    contract,
    digest,
  }
}

function wordJson({ verdict, by, key, at, reason }: DecisionMade): JsonObject {
  return {
    verdict,
    by: actorJson(by),
    ...(key === undefined ? {} : { key }),
    at: time(at),
    ...(reason === undefined ? {} : { reason }),
  }
}

/** How the action of an approved request ended. */
export function outcomeJson(outcome: Outcome): JsonObject {
  const { status, callId } = outcome
  switch (outcome.status) {
    case 'done':
      return { status, call_id: callId, output: outcome.output, record: { ...outcome.record } }
    case 'pending':
      return { status, call_id: callId, approval: outcome.approval.id, reason: outcome.reason, help: outcome.help }
    case 'failed': {
      const { code, reason, effect, help } = outcome
      return { status, call_id: callId, code, reason, effect, help }
    }
    case 'denied':
      return { status, call_id: callId, code: outcome.code, reason: outcome.reason, help: outcome.help }
    case 'dry-run':
      return { status, call_id: callId, verdict: outcome.verdict }
  }
}

/** Who, as audit records and documents name it. */
export function actorJson({ id, claimed, osUser }: Actor): JsonObject {
  return { id, claimed, os_user: osUser }
}
