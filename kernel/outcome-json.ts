// Words an outcome as a document for programs, the same over every interface; leaves nothing of it out.
import type { ApprovalRequest } from './contracts.js'
import type { JsonObject } from './json.js'
import type { Outcome } from './outcome.js'

/** An outcome as a document, keys in snake case. */
export function outcomeJson(outcome: Outcome): JsonObject {
  const { status, callId } = outcome
  const ballot = outcome.ballot.map((vote) => ({ ...vote }))
  switch (status) {
    case 'done':
      return { status, call_id: callId, output: outcome.output, record: { ...outcome.record }, ballot }
    case 'denied': {
      const { code, reason, help } = outcome
      return { status, call_id: callId, code, reason, help, ballot }
    }
    case 'failed': {
      const { code, reason, effect, help } = outcome
      return { status, call_id: callId, code, reason, effect, help, ballot }
    }
    case 'pending': {
      const { approval, delivered, reason, help } = outcome
      return {
        status,
        call_id: callId,
        approval: approvalJson(approval),
        delivered: [...delivered],
        reason,
        help,
        ballot,
      }
    }
    case 'dry-run': {
      const { verdict, code, reason, help, input, approval, reserves } = outcome
      const known = Object.entries({ code, reason, help, approval }).filter((entry) => entry[1] !== undefined)
      return { status, call_id: callId, verdict, ...(Object.fromEntries(known) as JsonObject), input, reserves, ballot }
    }
  }
}

function approvalJson({ id, state, asks, expiresAt }: ApprovalRequest): JsonObject {
  return { id, state, asks: asks.map((ask) => ({ ...ask })), expires_at: new Date(expiresAt).toISOString() }
}
