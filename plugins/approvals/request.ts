// Reads a stored row as a request at a moment; must never show as usable what is used, denied or expired.
import type { Actor, ApprovalRequest, AskShown, DecisionMade, StoredAction } from 'cloned/kernel'
import type { Row } from '../store/slot.js'

const STATES: Readonly<Record<string, ApprovalRequest['state']>> = {
  pending: 'pending',
  approved: 'approved',
  denied: 'denied',
  expired: 'expired',
  edited: 'edited',
  taken: 'used',
  used: 'used',
}

/** Makes a request of a row of `approvals`. Throws when the row is not one that this plugin wrote. */
export function requestOf(row: Row, now: number, decisions: readonly Row[] = []): ApprovalRequest {
  const stored = STATES[String(row['state'])]
  if (!stored) throw new Error(`approval "${row['id']}" is stored in the unknown state "${row['state']}"`)
  const expiresAt = Number(row['expires_at'])
  const over = (stored === 'pending' || stored === 'approved') && expiresAt <= now
  return {
    id: String(row['id']),
    state: over ? 'expired' : stored,
    action: JSON.parse(String(row['action'])) as StoredAction,
    asks: JSON.parse(String(row['asks'])) as readonly AskShown[],
    createdAt: Number(row['created_at']),
    expiresAt,
    ...(row['decided_by'] === null ? {} : { decidedBy: JSON.parse(String(row['decided_by'])) as Actor }),
    ...(row['decided_at'] === null ? {} : { decidedAt: Number(row['decided_at']) }),
    ...(row['reason'] === null ? {} : { reason: String(row['reason']) }),
    ...(row['used_by'] === null ? {} : { usedBy: String(row['used_by']) }),
    ...(row['replaced_by'] === null ? {} : { replacedBy: String(row['replaced_by']) }),
    ...(row['input_dropped'] === null ? {} : { inputDropped: true as const }),
    ...(decisions.length === 0 ? {} : { decisions: decisions.map(decisionOf) }),
  }
}

function decisionOf(row: Row): DecisionMade {
  return {
    verdict: String(row['verdict']) as DecisionMade['verdict'],
    by: JSON.parse(String(row['decided_by'])) as Actor,
    at: Number(row['decided_at']),
    ...(row['key'] === null ? {} : { key: String(row['key']) }),
    ...(row['reason'] === null ? {} : { reason: String(row['reason']) }),
  }
}

/** Why a request that is not `approved` cannot be used, or one that is not `pending` cannot be decided. */
export function whyNot(request: ApprovalRequest): string {
  switch (request.state) {
    case 'pending':
      return request.decisions ? 'not enough people have agreed yet' : 'nobody has decided it yet'
    case 'used':
      return `it was used by call ${request.usedBy ?? 'unknown'}`
    case 'expired':
      return `it expired at ${new Date(request.expiresAt).toISOString()}`
    case 'edited':
      return `it was approved with other arguments, as ${request.replacedBy ?? 'unknown'}`
    default:
      return `it was ${request.state} by ${request.decidedBy?.id ?? 'unknown'}`
  }
}
