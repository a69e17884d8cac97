// Gives a running handler its context; once the handler has ended, nothing can be started or recorded through it.
import { type Action, type ActionKind, toolOf } from './action.js'
import type { AttemptRequest, ParentScope } from './attempt.js'
import type { ActRequest, AuditRecord, CheckAnswer, HandlerContext, Receipt } from './contracts.js'
import { LazyContext } from './deadline.js'
import { ClonedError } from './errors.js'
import type { HookTable } from './hook-table.js'
import type { CheckHook } from './hooks.js'
import { type Json, type JsonObject, snapshot } from './json.js'
import type { Outcome } from './outcome.js'
import type { ToolContract } from './tool.js'
import { fold, type Vote } from './verdict.js'

export interface ScopeHost {
  readonly hooks: HookTable
  readonly mayAllow: ReadonlySet<string>
  readonly now: () => number
  /** Appends to the audit log, or throws. */
  readonly record: (entry: AuditRecord) => Promise<Receipt>
  /** Starts a nested action. */
  readonly start: (request: AttemptRequest) => Promise<Outcome>
  /** Passes a progress message on, filtered. */
  readonly progress: (message: Json) => void
}

/** Types of records that mean something to the kernel, to approvals, to the policy or to the guard of the store. */
const RESERVED = /^(?:log|check|approval|policy|store)\.|\.(?:intent|outcome)$/

/** The context of one handler, and what has to be durable before its outcome. */
export class Scope implements HandlerContext {
  readonly callId: string
  readonly actor: Action['actor']
  readonly tool: ToolContract | undefined
  readonly idempotencyKey: string | undefined
  readonly #action: Action
  readonly #host: ScopeHost
  readonly #lazy = new LazyContext()
  readonly #deadlineAt: number
  readonly #records: Promise<Receipt>[] = []
  readonly #running = new Set<Promise<Outcome>>()
  #ended = false

  constructor(action: Action, deadlineAt: number, host: ScopeHost) {
    this.callId = action.callId
    this.actor = action.actor
    this.tool = toolOf(action)
    this.idempotencyKey = action.depth === 0 ? action.origin : undefined
    this.#action = action
    this.#deadlineAt = deadlineAt
    this.#host = host
  }

  get signal(): AbortSignal {
    return this.#lazy.signal
  }

  abort(reason: unknown): void {
    this.#lazy.abort(reason)
  }

  /**
   * Closes the scope: cancels nested actions that the handler did not wait for, waits for their ends, and until everything
   * recorded in it is durable; rejects when something is not.
   */
  async end(): Promise<void> {
    this.#ended = true
    if (this.#running.size > 0) {
      this.abort(new Error('the handler that started it has ended'))
      await Promise.allSettled(this.#running)
    }
    if (this.#records.length > 0) await Promise.all(this.#records)
  }

  progress(message: Json): void {
    if (!this.#ended) this.#host.progress(message)
  }

  call(tool: string, input: unknown): Promise<Outcome> {
    return this.#nested({ kind: 'tool.call', target: tool, input })
  }

  act<I extends Json, O>(kind: ActionKind<I, O>, request: Omit<ActRequest, 'actor'>): Promise<Outcome<O>> {
    const { target, input, about } = request
    return this.#nested({ kind: kind.id, started: kind, target, input, ...(about ? { about } : {}) }) as Promise<
      Outcome<O>
    >
  }

  check<S>(hook: CheckHook<{ action: Action; subject: S }>, subject: S): CheckAnswer | Promise<CheckAnswer> {
    this.#mustRun(hook.id)
    const votes: Vote[] = []
    const frozen = { action: this.#action, subject: snapshot(subject) as S }
    const guards = this.#host.hooks.guard(hook)
    const pending = guards.vote(frozen, votes)
    const answer = () => this.#answer(hook.id, votes, guards.size, frozen.subject)
    return pending ? pending.then(answer) : answer()
  }

  record(type: string, fields: JsonObject): Promise<Receipt> {
    this.#mustRun(type)
    // Recovery believes intents and outcomes, and people believe decisions: a handler must not be able to write one.
    if (RESERVED.test(type)) throw new ClonedError('RECORD_RESERVED', { type })
    return this.#append(type, fields)
  }

  #append(type: string, fields: JsonObject): Promise<Receipt> {
    const { instance: _, ...own } = fields
    const entry = snapshot({ ...own, type, ts: new Date(this.#host.now()).toISOString(), call_id: this.callId })
    const receipt = this.#host.record(entry as AuditRecord)
    // The outcome waits for it in end(); a handler that does not look at it must not crash the process.
    receipt.catch(() => undefined)
    this.#records.push(receipt)
    return receipt
  }

  #answer(hook: string, votes: Vote[], expected: number, subject: unknown): CheckAnswer {
    const verdict = votes.length === expected ? fold(votes, this.#host.mayAllow) : { effect: 'deny' as const, by: [] }
    const allowed = verdict.effect === 'allow'
    const first = verdict.by[0]
    // Types of records are lower case: `beforeEgress` is recorded as `check.before_egress`.
    this.#append(`check.${hook.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`, {
      hook,
      allowed,
      subject: subject as Json,
      ballot: snapshot(votes),
    })
    if (allowed) return { allowed, ballot: votes }
    const plain = new ClonedError('CHECK_DENIED', { hook })
    // An ask inside a handler cannot wait for a person: it is a deny that names the proposal.
    const { code = plain.code, reason = plain.message, help = plain.help } = first ?? {}
    return { allowed, code, reason, help, ballot: votes }
  }

  #nested(request: Pick<AttemptRequest, 'kind' | 'started' | 'target' | 'input' | 'about'>): Promise<Outcome> {
    this.#mustRun(request.target)
    const parent: ParentScope = { action: this.#action, signal: this.signal, deadlineAt: this.#deadlineAt }
    const { actor } = this.#action
    const dryRun = this.#action.dryRun ? { dryRun: true } : {}
    const running = this.#host.start({ ...request, actor, options: { signal: this.signal, ...dryRun }, parent })
    this.#running.add(running)
    const forget = () => this.#running.delete(running)
    running.then(forget, forget)
    return running
  }

  #mustRun(what: string): void {
    if (this.#ended) throw new ClonedError('CHECK_OUTSIDE', { hook: what })
  }
}
