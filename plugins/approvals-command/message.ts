// Words a request for the program that is told of it; keys in snake case, times in ISO 8601.
import type { ApprovalRequest, JsonObject } from 'cloned/kernel'

/** What stands on standard input of the program, as one JSON document. */
export function messageOf(event: 'requested' | 'escalated', request: ApprovalRequest, role?: string): JsonObject {
  const { id, action, asks, createdAt, expiresAt } = request
  const { kind, target, about, input, actor } = action
  return {
    event,
    ...(role === undefined ? {} : { role }),
    approval: id,
    kind,
    target,
    about,
    input,
    requester: { id: actor.id, claimed: actor.claimed, os_user: actor.osUser },
    asks: asks.map((ask) => ({ ...ask })),
    created_at: new Date(createdAt).toISOString(),
    expires_at: new Date(expiresAt).toISOString(),
  }
}
