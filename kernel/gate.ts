// Takes every governed action along the one path; nothing is dispatched that was not let through, taken and recorded.

import type { Action, Actor } from './action.js'
import { outcomeFor } from './adapt-action.js'
import { APPROVALS, type Approver, approve, reasonsOf, type Waiting } from './approve.js'
import { Attempt, type AttemptRequest } from './attempt.js'
import type { AuditLog, AuditRecord, CallOptions, Receipt } from './contracts.js'
import { type Dispatched, type Dispatcher, dispatch } from './dispatch.js'
import type { Limits } from './distribution.js'
import { ClonedError, describeThrown, isClonedError } from './errors.js'
import type { HookTable } from './hook-table.js'
import { type ActionEnded, afterAction, type Hook } from './hooks.js'
import { type Judge, prepare, refusal, vote } from './judge.js'
import type { Outcome } from './outcome.js'
import { record } from './recorder.js'
import { intentRecord, outcomeRecord } from './records.js'
import type { Runnable, Runnables } from './registry.js'
import { peek, reserve } from './reserve.js'
import type { Settlements } from './settlements.js'

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,1000}$/

export interface GateHost {
  readonly audit: AuditLog | undefined
  readonly approver: Approver
  readonly judge: Judge
  readonly hooks: HookTable
  readonly limits: Limits
  readonly runnables: Runnables
  readonly instance: string
  readonly now: () => number
  readonly actor: (request: AttemptRequest) => Actor
  readonly callId: () => string
  /** Tells observers; never throws, never waits. */
  readonly fire: (hook: Hook, subject: unknown) => void
  readonly settlements: Settlements
  /** Keeps the kernel alive until the work is done. */
  readonly track: (work: Promise<unknown>) => void
}

export class GatePath {
  readonly #host: GateHost
  readonly #dispatcher: Dispatcher

  constructor(host: GateHost) {
    this.#host = host
    this.#dispatcher = {
      hooks: host.hooks,
      limits: host.limits,
      words: host.judge.words,
      scopeHost: {
        hooks: host.hooks,
        mayAllow: host.judge.mayAllow,
        now: host.now,
        record: (entry) => this.#record(entry),
        start: (request) => this.start(request),
      },
    }
  }

  /** Runs one attempt to its outcome. Never rejects. */
  async start(request: AttemptRequest): Promise<Outcome> {
    // A host without types may name anything: what is no text names nothing, and is recorded so.
    const target = typeof request.target === 'string' ? request.target : ''
    // Copied: whoever keeps the options must not change what the call is while it is judged.
    const options = Object.freeze({ ...request.options })
    const attempt = new Attempt(this.#host.callId(), { ...request, target, options })
    let outcome: Outcome
    try {
      outcome = await this.#path(attempt)
    } catch (error) {
      outcome = await this.#refused(attempt, error)
    }
    Object.freeze(outcome)
    if (attempt.action && !attempt.dryRun) this.#tell(attempt, attempt.action, outcome)
    return attempt.request.started ? outcomeFor(attempt, outcome, (error) => this.#words(told(error))) : outcome
  }

  async #path(attempt: Attempt): Promise<Outcome> {
    const host = this.#host
    const { request } = attempt
    mustBeOptions(request.options)
    request.options.onCallId?.(attempt.callId)
    const actor = host.actor(request)
    attempt.actor = actor
    if (attempt.depth > host.limits.depth) {
      throw new ClonedError('DEPTH_EXCEEDED', { depth: attempt.depth, limit: host.limits.depth })
    }
    const runnable = this.#resolve(attempt)
    attempt.runnable = runnable
    const action = await prepare(host.judge, attempt, runnable, actor)
    attempt.action = action
    this.#mustBeApproved(request, runnable, action)

    const verdict = await vote(host.judge, attempt, action, runnable)
    if (verdict.effect === 'deny') throw new Refused(refusal(host.judge, verdict.by, action.target))
    if (verdict.effect === 'ask' || request.resume || request.edits) {
      const asks = verdict.effect === 'ask' ? verdict.by : []
      const waiting = await approve({ ...host.approver, instance: host.instance }, attempt, action, runnable, asks)
      if (waiting) return this.#pending(attempt, waiting)
    }
    if (attempt.dryRun) return this.#dryRun(attempt, action, runnable, verdict.effect, verdict.by)

    if (runnable.kind.reserve) await reserve(host.hooks, runnable.kind.reserve, attempt, action, host.instance)
    this.#mustStillBeWanted(attempt)
    const receipt = await this.#record(intentRecord(attempt, action, host), (late) => this.#lateIntent(attempt, late))
    attempt.intentSeq = receipt.seq
    attempt.phase = 'intended'
    this.#mustStillBeWanted(attempt)

    attempt.phase = 'dispatched'
    const result = await dispatch(this.#dispatcher, attempt, action, runnable)
    return this.#ended(attempt, result)
  }

  #resolve({ request }: Attempt): Runnable {
    const { runnables } = this.#host
    return request.kind === 'tool.call'
      ? runnables.tool(request.target)
      : runnables.executor(request.kind, request.target, request.about ?? {})
  }

  /** A resumed action must come out as the very action that was approved; a changed contract changes the digest. */
  #mustBeApproved(request: AttemptRequest, runnable: Runnable, action: Action): void {
    if (request.resume && request.resume.digest !== action.digest) {
      throw new ClonedError('TOOL_CHANGED', { tool: runnable.target })
    }
  }

  #mustStillBeWanted({ request: { options, target }, deadlineAt }: Attempt): void {
    const late = performance.now() >= deadlineAt
    if (!late && !options.signal?.aborted) return
    throw new ClonedError('CANCELLED', {
      target,
      when: late ? 'before it ran: its deadline was over' : 'before it ran',
      help: 'Nothing happened; call it again to run it.',
    })
  }

  #record(entry: AuditRecord, late?: (receipt: Receipt) => void): Promise<Receipt> {
    const { audit, limits } = this.#host
    return record(audit, entry, limits.recordMs, late)
  }

  async #pending(attempt: Attempt, { request, delivered }: Waiting): Promise<Outcome> {
    const error = new ClonedError('APPROVAL_NEEDED', { approval: request.id, reasons: reasonsOf(request.asks) })
    const outcome: Outcome = {
      status: 'pending',
      callId: attempt.callId,
      ballot: attempt.ballot,
      approval: request,
      delivered,
      reason: error.message,
      help: error.help,
    }
    await this.#record(outcomeRecord(attempt, outcome, this.#host))
    return outcome
  }

  async #dryRun(
    attempt: Attempt,
    action: Action,
    runnable: Runnable,
    effect: 'allow' | 'ask',
    asks: readonly { reason?: string }[],
  ): Promise<Outcome> {
    const base = { status: 'dry-run' as const, callId: attempt.callId, ballot: attempt.ballot, input: action.input }
    const found = runnable.kind.reserve ? await peek(this.#host.hooks, runnable.kind.reserve, action) : {}
    if (found instanceof ClonedError) return { ...base, verdict: 'deny', ...this.#words(told(found)), reserves: {} }
    if (effect === 'allow') return { ...base, verdict: 'allow', reserves: found }
    if (attempt.approval) return { ...base, verdict: 'allow', approval: attempt.approval, reserves: found }
    return { ...base, verdict: 'ask', code: 'APPROVAL_NEEDED', reason: reasonsOf(asks), reserves: found }
  }

  /** Records the outcome, then releases the result and settles. */
  async #ended(attempt: Attempt, result: Dispatched): Promise<Outcome> {
    const ended = { callId: attempt.callId, ballot: attempt.ballot }
    const outcome: Outcome = result.ok
      ? { status: 'done', ...ended, output: result.output, record: { seq: 0, hash: '' } }
      : { status: 'failed', ...ended, ...this.#words(result), effect: result.effect }
    const how = outcome.status === 'failed' && outcome.effect === 'none' ? 'release' : 'commit'
    try {
      const { seq, hash } = await this.#record(outcomeRecord(attempt, outcome, this.#host))
      await this.#settle(attempt, how)
      return outcome.status === 'done' ? { ...outcome, record: Object.freeze({ seq, hash }) } : outcome
    } catch (cause) {
      // It ran and the log does not say how: whatever was taken stays taken, and nothing of the result leaves.
      this.#host.settlements.lose(attempt.callId, cause)
      await this.#settle(attempt, 'commit')
      const error = new ClonedError('OUTCOME_UNRECORDED', { cause: describeThrown(cause) })
      const effect = result.ok ? 'happened' : result.effect === 'none' ? 'unknown' : result.effect
      return { status: 'failed', ...ended, ...this.#words(told(error)), effect }
    }
  }

  /** Ends an attempt that did not reach its end; what that means follows from how far it came. */
  async #refused(attempt: Attempt, error: unknown): Promise<Outcome> {
    const { code, reason, help } = this.#words(told(error))
    const ended = { callId: attempt.callId, ballot: attempt.ballot, code, reason, help }
    if (attempt.dryRun) {
      const { callId, ballot } = ended
      const input = attempt.action?.input ?? null
      return { status: 'dry-run', callId, ballot, verdict: 'deny', code, reason, help, input, reserves: {} }
    }
    const outcome: Outcome =
      attempt.phase === 'dispatched'
        ? { status: 'failed', ...ended, effect: 'unknown' }
        : attempt.phase === 'intended' || (isClonedError(error) && error.code === 'CANCELLED')
          ? { status: 'failed', ...ended, effect: 'none' }
          : { status: 'denied', ...ended }
    await this.#settle(attempt, attempt.phase === 'dispatched' ? 'commit' : 'release')
    try {
      await this.#record(outcomeRecord(attempt, outcome, this.#host))
      return outcome
    } catch (unrecorded) {
      if (attempt.intentSeq !== undefined) this.#host.settlements.lose(attempt.callId, unrecorded)
      // Not letting it run needs no record to be safe; saying so in the answer is all that is left.
      const also = this.#words(told(unrecorded))
      return also.code === code ? outcome : { ...outcome, reason: `${reason} (not recorded: ${also.reason})` }
    }
  }

  /** Settles what the attempt took. Reserves settle behind the answer; an approval is seen as used when it arrives. */
  async #settle(attempt: Attempt, how: 'commit' | 'release'): Promise<void> {
    if (attempt.takes.empty) return
    const call = { callId: attempt.callId, how, seq: attempt.intentSeq }
    const settling = attempt.takes.settle(this.#host.limits.reserveMs, call, (take, cause) =>
      this.#host.settlements.owe(take, call, cause),
    )
    for (const { ended } of settling) this.#host.track(ended)
    for (const { taker, ended } of settling) if (how === 'release' || taker === APPROVALS) await ended
  }

  /** An intent that became durable after the gate had given up on it: say in the log that nothing ran. */
  #lateIntent(attempt: Attempt, { seq }: Receipt): void {
    attempt.intentSeq = seq
    const help = 'Call it again.'
    const reason = 'the intent became durable too late, and nothing was run'
    const outcome: Outcome = {
      status: 'denied',
      callId: attempt.callId,
      ballot: attempt.ballot,
      code: 'AUDIT_UNWRITABLE',
      reason,
      help,
    }
    const telling = Promise.resolve().then(() => this.#record(outcomeRecord(attempt, outcome, this.#host)))
    this.#host.track(telling.catch((error: unknown) => this.#host.settlements.lose(attempt.callId, error)))
  }

  /** What an answer says, scrubbed. Errors are worded from what others threw. */
  #words({ code, reason, help }: Told): Told {
    return this.#host.judge.words.texts({ code, reason, help }, 'outcome')
  }

  #tell(attempt: Attempt, action: Action, outcome: Outcome): void {
    const ended: ActionEnded = Object.freeze({ action, outcome })
    const { after } = attempt.runnable?.kind ?? {}
    if (after) this.#host.fire(after, ended)
    this.#host.fire(afterAction, ended)
  }
}

/** A host without types may pass anything: `dryRun: 1` must neither run the call nor be taken for a dry run. */
function mustBeOptions({ dryRun, signal, deadlineMs, idempotencyKey, onCallId, onProgress }: CallOptions): void {
  const wrong = (name: string) => new ClonedError('OPTIONS_INVALID', { option: name })
  if (dryRun !== undefined && typeof dryRun !== 'boolean') throw wrong('dryRun')
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrong('signal')
  if (deadlineMs !== undefined && !(typeof deadlineMs === 'number' && deadlineMs >= 0)) throw wrong('deadlineMs')
  if (idempotencyKey !== undefined && !(typeof idempotencyKey === 'string' && IDEMPOTENCY_KEY.test(idempotencyKey))) {
    throw wrong('idempotencyKey')
  }
  if (onCallId !== undefined && typeof onCallId !== 'function') throw wrong('onCallId')
  if (onProgress !== undefined && typeof onProgress !== 'function') throw wrong('onProgress')
}

/** Carries a folded deny to the end of the path. */
class Refused extends Error {
  readonly told: Told
  constructor(why: Told) {
    super(why.reason)
    this.told = why
  }
}

/** What an outcome says of its end. */
type Told = { readonly code: string; readonly reason: string; readonly help: string }

function told(error: unknown): Told {
  if (error instanceof Refused) return error.told
  const known = isClonedError(error) ? error : new ClonedError('GATE_FAULT', { cause: describeThrown(error) })
  const given = (known as { given?: unknown }).given
  return { code: typeof given === 'string' ? given : known.code, reason: known.message, help: known.help }
}
