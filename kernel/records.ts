// Words the audit records of the gate; a record must never hold an input, an output or a secret.
import { type Action, toolOf } from './action.js'
import type { Attempt } from './attempt.js'
import type { AuditRecord, StoredRecord } from './contracts.js'
import { ClonedError } from './errors.js'
import type { Json } from './json.js'
import type { Outcome } from './outcome.js'
import type { Vote } from './verdict.js'

/** Longest text of a reason in a record; a longer one is cut, so that a record stays under the log's line limit. */
const MAX_TEXT = 500

/** The intent: durable before anything runs. */
export function intentRecord(attempt: Attempt, action: Action, instance: string, now: number): AuditRecord {
  const entry = common(attempt, action, 'intent', instance, now)
  entry.ballot = ballotOf(attempt.ballot)
  if (attempt.approval !== undefined) entry.approval = attempt.approval
  if (!attempt.takes.empty) entry.takes = attempt.takes.tokens()
  return entry as AuditRecord
}

/** The outcome: durable before the result is released. Also the one record of a call that was not let through. */
export function outcomeRecord(attempt: Attempt, outcome: Outcome, instance: string, now: number): AuditRecord {
  const entry = common(attempt, attempt.action, 'outcome', instance, now)
  entry.status = outcome.status
  if ('code' in outcome && outcome.code) entry.code = outcome.code
  if ('reason' in outcome && outcome.reason) entry.reason = cut(outcome.reason)
  if ('effect' in outcome) entry.effect = outcome.effect
  if (outcome.status === 'pending') entry.approval = outcome.approval.id
  // The ballot stands in the intent where there is one.
  if (attempt.intentSeq === undefined) entry.ballot = ballotOf(attempt.ballot)
  else entry.intent = attempt.intentSeq
  entry.dur_ms = Math.round(performance.now() - attempt.startedAt)
  return entry as AuditRecord
}

/** The outcome of a call whose process died after the intent: nobody knows whether it happened. */
export function indeterminateRecord(
  { record: intent, seq }: StoredRecord,
  recoveredBy: string,
  now: number,
): AuditRecord {
  const died = new ClonedError('INSTANCE_DIED', {})
  const keep = ['call_id', 'instance', 'kind', 'target', 'contract', 'actor', 'digest'].filter((key) => key in intent)
  return {
    type: String(intent['type']).replace(/\.intent$/, '.outcome'),
    ts: new Date(now).toISOString(),
    ...Object.fromEntries(keep.map((key) => [key, intent[key] as Json])),
    intent: seq,
    status: 'indeterminate',
    effect: 'unknown',
    code: died.code,
    reason: died.message,
    recovered_by: recoveredBy,
  }
}

/** A record that is being worded. Filled in place: spreading conditional parts costs more than the rest of it (measured). */
type Draft = { [key: string]: Json }

function common(attempt: Attempt, action: Action | undefined, part: string, instance: string, now: number): Draft {
  const { request, runnable, actor } = attempt
  const tool = action && toolOf(action)
  const entry: Draft = {
    type: `${runnable?.kind.record ?? 'action'}.${part}`,
    ts: new Date(now).toISOString(),
    call_id: attempt.callId,
    instance,
    kind: request.kind,
    target: cut(request.target),
  }
  if (runnable) entry.contract = runnable.contract
  if (tool) entry.risk = tool.risk
  if (actor) entry.actor = { id: actor.id, claimed: actor.claimed, os_user: actor.osUser }
  if (action) entry.digest = action.digest
  if (request.parent) {
    entry.parent = request.parent.action.callId
    entry.depth = attempt.depth
  }
  if (request.resume) entry.resumed = request.resume.approval
  return entry
}

function ballotOf(ballot: readonly Vote[]): Json {
  return ballot.map((vote) => {
    const { reason, help: _, ...rest } = vote
    return reason === undefined ? rest : { ...rest, reason: cut(reason) }
  }) as unknown as Json
}

function cut(text: string): string {
  const wellFormed = text.toWellFormed()
  return wellFormed.length <= MAX_TEXT ? wellFormed : `${wellFormed.slice(0, MAX_TEXT).toWellFormed()}…`
}
