// Words the audit records of the gate; a record must never hold an input, an output or a secret.
import { type Action, toolOf } from './action.js'
import type { Attempt } from './attempt.js'
import { tokenOf } from './audit-token.js'
import type { AuditLog, AuditRecord, StoredRecord } from './contracts.js'
import { ClonedError } from './errors.js'
import { canonical, type Json, type JsonObject } from './json.js'
import { masked } from './masked.js'
import type { Outcome } from './outcome.js'

/** Longest text of a reason in a record; a longer one is cut, so that a record stays under the log's line limit. */
const MAX_TEXT = 500

/** What words a record besides the attempt. */
export interface Recording {
  readonly audit: AuditLog | undefined
  readonly instance: string
  readonly now: () => number
}

/** The intent: durable before anything runs. Throws when the log cannot stand tokens for the input. */
export function intentRecord(attempt: Attempt, action: Action, recording: Recording): AuditRecord {
  const entry = common(attempt, action, 'intent', recording)
  addInput(entry, attempt, action, recording.audit)
  entry.ballot = ballotOf(attempt)
  if (attempt.approval !== undefined) entry.approval = attempt.approval
  if (!attempt.takes.empty) entry.takes = attempt.takes.tokens()
  return entry as AuditRecord
}

/**
 * The outcome: durable before the result is released. Also the one record of a call that was not let through, which then
 * names its input. Throws when the log cannot stand tokens.
 */
export function outcomeRecord(attempt: Attempt, outcome: Outcome, recording: Recording): AuditRecord {
  const { action, runnable, intentSeq } = attempt
  const entry = common(attempt, action, 'outcome', recording)
  if (intentSeq === undefined && action) addInput(entry, attempt, action, recording.audit)
  entry.status = outcome.status
  if ('code' in outcome && outcome.code) entry.code = outcome.code
  if ('reason' in outcome && outcome.reason) entry.reason = cut(masked(outcome.reason, action?.input))
  if ('effect' in outcome) entry.effect = outcome.effect
  if (outcome.status === 'done') {
    entry.result = tokenOf(recording.audit, 'result', canonical(outcome.output))
    addClear(entry, runnable?.clearOutput?.(outcome.output))
  }
  if (outcome.status === 'pending') entry.approval = outcome.approval.id
  else if (attempt.approval !== undefined) entry.approval = attempt.approval
  // The ballot stands in the intent where there is one.
  if (intentSeq === undefined) entry.ballot = ballotOf(attempt)
  else entry.intent = intentSeq
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
  const keep = [
    'call_id',
    'instance',
    'kind',
    'target',
    'contract',
    'actor',
    'digest',
    'approval',
    'idempotency_key',
  ].filter((key) => key in intent)
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

/** The input by token, and in clear what its schema marks as loggable. */
function addInput(entry: Draft, attempt: Attempt, action: Action, audit: AuditLog | undefined): void {
  entry.args = tokensOf(attempt, action, audit).args
  addClear(entry, attempt.runnable?.clearInput(action.input))
}

function addClear(entry: Draft, values: JsonObject | undefined): void {
  if (values) entry.clear = values
}

function tokensOf(attempt: Attempt, action: Action, audit: AuditLog | undefined) {
  attempt.tokens ??= {
    args: tokenOf(audit, 'args', attempt.inputText),
    digest: tokenOf(audit, 'digest', canonical(action.digest)),
  }
  return attempt.tokens
}

function common(
  attempt: Attempt,
  action: Action | undefined,
  part: string,
  { audit, instance, now }: Recording,
): Draft {
  const { request, runnable, actor } = attempt
  const tool = action && toolOf(action)
  const entry: Draft = {
    type: `${runnable?.kind.record ?? 'action'}.${part}`,
    ts: new Date(now()).toISOString(),
    call_id: attempt.callId,
    instance,
    kind: request.kind,
    target: cut(request.target),
  }
  if (runnable) entry.contract = runnable.contract
  if (tool) entry.risk = tool.risk
  if (runnable?.package) entry.package = { ...runnable.package }
  if (actor) entry.actor = { id: actor.id, claimed: actor.claimed, os_user: actor.osUser }
  if (action) entry.digest = tokensOf(attempt, action, audit).digest
  if (request.options.idempotencyKey !== undefined) entry.idempotency_key = request.options.idempotencyKey
  if (request.parent) {
    entry.parent = request.parent.action.callId
    entry.depth = attempt.depth
  }
  if (request.resume) entry.resumed = request.resume.approval
  return entry
}

function ballotOf({ ballot, action }: Attempt): Json {
  return ballot.map((vote) => {
    const { reason, help: _, ...rest } = vote
    return reason === undefined ? rest : { ...rest, reason: cut(masked(reason, action?.input)) }
  }) as unknown as Json
}

function cut(text: string): string {
  const wellFormed = text.toWellFormed()
  return wellFormed.length <= MAX_TEXT ? wellFormed : `${wellFormed.slice(0, MAX_TEXT).toWellFormed()}…`
}
