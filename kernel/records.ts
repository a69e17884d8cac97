// Words the audit records of the gate; a record must never hold an input, an output or a secret.
import { type Action, toolOf } from './action.js'
import type { Attempt } from './attempt.js'
import { tokenOf } from './audit-token.js'
import type { AuditLog, AuditRecord } from './contracts.js'
import { canonical, type Json, type JsonObject } from './json.js'
import type { Outcome } from './outcome.js'
import type { Vote } from './verdict.js'

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
  return {
    ...common(attempt, action, 'intent', recording),
    ...args(attempt, action, recording.audit),
    ballot: ballotOf(attempt.ballot),
    ...(attempt.approval === undefined ? {} : { approval: attempt.approval }),
    ...(attempt.takes.empty ? {} : { takes: attempt.takes.tokens() }),
  }
}

/**
 * The outcome: durable before the result is released. Also the one record of a call that was not let through, which then
 * names its input. Throws when the log cannot stand tokens.
 */
export function outcomeRecord(attempt: Attempt, outcome: Outcome, recording: Recording): AuditRecord {
  const { action, runnable } = attempt
  const known = attempt.intentSeq !== undefined
  return {
    ...common(attempt, action, 'outcome', recording),
    ...(known || !action ? {} : args(attempt, action, recording.audit)),
    status: outcome.status,
    ...('code' in outcome && outcome.code ? { code: outcome.code } : {}),
    ...('reason' in outcome && outcome.reason ? { reason: cut(outcome.reason) } : {}),
    ...('effect' in outcome ? { effect: outcome.effect } : {}),
    ...(outcome.status === 'done'
      ? {
          result: tokenOf(recording.audit, 'result', canonical(outcome.output)),
          ...clear(runnable?.clearOutput?.(outcome.output)),
        }
      : {}),
    ...(outcome.status === 'pending' ? { approval: outcome.approval.id } : {}),
    // The ballot stands in the intent where there is one.
    ...(known ? { intent: attempt.intentSeq as number } : { ballot: ballotOf(attempt.ballot) }),
    dur_ms: Math.round(performance.now() - attempt.startedAt),
  }
}

/** The outcome of a call whose process died after the intent: nobody knows whether it happened. */
export function indeterminateRecord(intent: JsonObject, recoveredBy: string, now: number): AuditRecord {
  const keep = ['call_id', 'instance', 'kind', 'target', 'contract', 'actor', 'digest'].filter((key) => key in intent)
  return {
    type: String(intent['type']).replace(/\.intent$/, '.outcome'),
    ts: new Date(now).toISOString(),
    ...Object.fromEntries(keep.map((key) => [key, intent[key] as Json])),
    status: 'indeterminate',
    effect: 'unknown',
    code: 'INSTANCE_DIED',
    reason: 'the process ended between the intent and the outcome',
    recovered_by: recoveredBy,
  }
}

/** The input by token, and in clear what its schema marks as loggable. */
function args(attempt: Attempt, action: Action, audit: AuditLog | undefined): JsonObject {
  return { args: tokensOf(attempt, action, audit).args, ...clear(attempt.runnable?.clearInput(action.input)) }
}

function tokensOf(attempt: Attempt, action: Action, audit: AuditLog | undefined) {
  attempt.tokens ??= {
    args: tokenOf(audit, 'args', attempt.inputText),
    digest: tokenOf(audit, 'digest', canonical(action.digest)),
  }
  return attempt.tokens
}

function clear(values: JsonObject | undefined): JsonObject {
  return values ? { clear: values } : {}
}

function common(attempt: Attempt, action: Action | undefined, part: string, { audit, instance, now }: Recording) {
  const { request, runnable, actor } = attempt
  const tool = action && toolOf(action)
  return {
    type: `${runnable?.kind.record ?? 'action'}.${part}`,
    ts: new Date(now()).toISOString(),
    call_id: attempt.callId,
    instance,
    kind: request.kind,
    target: cut(request.target),
    ...(runnable ? { contract: runnable.contract } : {}),
    ...(tool ? { risk: tool.risk } : {}),
    ...(actor ? { actor: { id: actor.id, claimed: actor.claimed, os_user: actor.osUser } } : {}),
    ...(action ? { digest: tokensOf(attempt, action, audit).digest } : {}),
    ...(request.parent ? { parent: request.parent.action.callId, depth: attempt.depth } : {}),
    ...(request.resume ? { resumed: request.resume.approval } : {}),
  }
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
