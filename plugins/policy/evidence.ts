// Finds in the audit log who asked for a policy write and who approved it; what is not there must not be written.
import { type Action, type AuditLog, ClonedError, type Json, type JsonObject, type StoredRecord } from 'cloned/kernel'
import type { ChangeMetadata } from './metadata.js'

/** The metadata of the write that runs as this action, and the sequence of its intent. Throws `POLICY_UNAPPROVED`. */
export async function evidenceOf(
  audit: Pick<AuditLog, 'find'>,
  action: Action,
  previous: string | null,
): Promise<{ readonly change: ChangeMetadata; readonly intent: number }> {
  const intent = (await audit.find(action.callId)).findLast(({ record }) => record['type'] === 'policy.intent')
  if (!intent) throw new ClonedError('POLICY_UNAPPROVED', {})
  const about = { id: `chg_${action.callId}`, requested_by: action.actor.id }
  const approval = intent.record['approval']
  const at = timeOf(intent)
  if (typeof approval !== 'string') {
    const unasked = { approved_by: ruleOf(intent), approved_at: at, approval: null, audit: placeOf(intent) }
    return { change: { ...about, requested_at: at, ...unasked, previous }, intent: intent.seq }
  }
  const records = await audit.find(approval)
  const decision = records.findLast(
    ({ record }) => record['type'] === 'approval.decided' && record['verdict'] === 'approve',
  )
  if (!decision) throw new ClonedError('POLICY_UNAPPROVED', {})
  const asked = records.find(({ record }) => record['type'] === 'policy.outcome' && record['status'] === 'pending')
  const change = {
    ...about,
    requested_at: asked ? timeOf(asked) : at,
    approved_by: text((decision.record['by'] as JsonObject | undefined)?.['id']),
    approved_at: timeOf(decision),
    approval,
    audit: placeOf(decision),
    previous,
  }
  return { change, intent: intent.seq }
}

/** The rule that let it pass unasked, as the policy's own vote names it. */
function ruleOf({ record: { ballot } }: StoredRecord): string {
  const votes = Array.isArray(ballot) ? (ballot as readonly JsonObject[]) : []
  const allowed = votes.find(({ effect, counted }) => effect === 'allow' && counted !== false)
  if (!allowed) throw new ClonedError('POLICY_UNAPPROVED', {})
  return text(allowed['rule'])
}

function timeOf({ record }: StoredRecord): string {
  return text(record['ts'])
}

function placeOf({ seq, hash }: StoredRecord): ChangeMetadata['audit'] {
  return { seq, hash }
}

function text(value: Json | undefined): string {
  if (typeof value !== 'string') throw new ClonedError('POLICY_UNAPPROVED', {})
  return value
}
