// Publishes the contracts that the kernel itself calls; interfaces and tokens only, their implementations are plugins.
import type { Action, ActionKind, Actor } from './action.js'
import type { CheckHook } from './hooks.js'
import type { Json, JsonObject } from './json.js'
import type { DryRun, Outcome } from './outcome.js'
import type { PlanReport } from './plan.js'
import { slot } from './token.js'
import type { ToolContract } from './tool.js'
import type { Vote } from './verdict.js'

export * from './approval-contracts.js'

// -- audit -----------------------------------------------------------------------------------------------------------

/**
 * What the kernel and plugins hand to the audit log. Keys are snake_case and JSON.
 * `type` is dotted lower case (`tool.intent`). The log adds `v`, `seq` and `prev`; a record must not carry them.
 */
export type AuditRecord = JsonObject & { readonly type: string; readonly ts: string }

/** A record as it stands in the log. */
export interface StoredRecord {
  readonly seq: number
  /** SHA-256 of the exact line with its line feed. */
  readonly hash: string
  readonly record: JsonObject
}

/** The answer of a log that has made a record durable. Anything of another shape denies the call. */
export interface Receipt {
  readonly seq: number
  readonly hash: string
  readonly durable: true
}

/** What recovery needs to know of one call. */
export interface CallHistory {
  readonly callId: string
  readonly intent: StoredRecord
  readonly outcome?: StoredRecord
}

/** The audit log. */
export interface AuditLog {
  /**
   * Appends one record. Resolves only when it is durable (synced to the device), in the order of the calls.
   * Must reject, for this and for every later record, once a write or a sync has failed, until the log was opened anew
   * and checked, and says so in a record of its own. The kernel scrubs what is appended, so an owner gets it without the
   * secrets that the process has used.
   */
  append(record: AuditRecord): Promise<Receipt>
  /**
   * Stands for a value that must not be in the log: `hmac-sha256:<kid>:<64 hex>`, keyed, over `cloned.audit.v1`, NUL,
   * `field`, NUL and the canonical JSON text of the value. Equal values of a field give equal tokens under one key.
   * Synchronous. Throws when its key is not there; the action is then denied.
   */
  token(field: string, canonical: string): string
  /**
   * Every record whose `call_id`, `approval` or `actor.id` is this id, oldest first, from sequence `from` (default: the
   * first) on. A log need not read what lies before `from`.
   */
  find(id: string, from?: number): Promise<readonly StoredRecord[]>
  /** Every call with an intent (`*.intent`) of one of these kernel instances (`instance`), oldest first. */
  calls(instances: readonly string[]): Promise<readonly CallHistory[]>
  /** The newest record of this type. */
  latest(type: string): Promise<StoredRecord | undefined>
  /** Every record from sequence `from` (default: the first that is left) on, oldest first. */
  scan(from?: number): AsyncIterable<StoredRecord>
}

/** Owned by exactly one plugin; without an owner nothing is dispatched. */
export const auditSlot = slot<AuditLog>('cloned.audit', { contract: 1 })

// -- things that are taken -------------------------------------------------------------------------------------------

/** For whom something is taken. */
export interface TakeRef {
  readonly callId: string
  /** The kernel instance that runs the call; recovery releases what dead instances left. */
  readonly instance: string
}

/** The answer to a take. `token` goes into the intent record, so that {@link Taker.restore} can rebuild the take. */
export type TakeAnswer =
  | { readonly ok: true; readonly token: Json }
  | { readonly ok: false; readonly reason: string; readonly code?: string; readonly help?: string }

/**
 * Settles what calls have taken. Shared by approvals and reserves; every method is idempotent per call.
 * A take is visible to every process at once; it need not survive a power cut, because the intent carries its token.
 */
export interface Taker {
  /** Ends a take: spent for good (`commit`) or given back (`release`). `seq` is the intent's, absent when there is none. */
  settle(callId: string, how: 'commit' | 'release', seq?: number): Promise<void>
  /** Calls of one instance that took and were not settled. */
  unsettled(instance: string): Promise<readonly string[]>
  /** Highest intent sequence of the instance that was settled, 0 for none. Recovery restores what came after it. */
  settledUpTo(instance: string): Promise<number>
  /** Makes the take of a call exist again from the token of its intent; does nothing when it exists. */
  restore(ref: TakeRef, token: Json): Promise<void>
}

/** The handler of a `reserve` hook. `S` is the action. */
export interface Reserve<S = Action> extends Taker {
  /** What a take would do now, without doing it. */
  peek(action: S): Promise<TakeAnswer>
  /**
   * Takes atomically, for all processes of the workspace. `token: null` when nothing was taken. One that knows its answer
   * gives it at once: the call then waits for no promise and no timer.
   */
  take(ref: TakeRef, action: S): TakeAnswer | Promise<TakeAnswer>
}

// -- kernel instances ------------------------------------------------------------------------------------------------

/** A kernel instance that ended without leaving. While held, no other process recovers it. */
export interface DeadInstance {
  readonly id: string
  /** Recovery is complete: forget the instance. */
  forget(): Promise<void>
  /** Recovery is not complete: let another process try. */
  release(): Promise<void>
}

/** Tells living kernel instances from dead ones by a lock that the operating system releases. */
export interface Instances {
  /** Enters under a fresh id, held until `leave` or the death of the process. */
  enter(): Promise<{ id: string; leave(): Promise<void> }>
  /** Claims every dead instance that no other process is recovering. */
  dead(): Promise<readonly DeadInstance[]>
}

/** Absent: this kernel is the only one and nothing outlives it. */
export const instancesSlot = slot<Instances>('cloned.instances', { contract: 1 })

// -- the gate, as plugins reach it -----------------------------------------------------------------------------------

/** Who acts, as a caller names it: an id, or an id that is only a claim. Default: the user of the process. */
export type ActorInput =
  | string
  | {
      readonly id: string
      readonly claimed?: boolean
      /** As {@link Actor.osUser}: whom a server or a host has authenticated, never what a client says. */
      readonly osUser?: string
    }

/** A request for a tool call. */
export interface CallRequest {
  readonly tool: string
  readonly input: unknown
  readonly actor?: ActorInput
}

/** A request for another kind of governed action. */
export interface ActRequest {
  readonly target: string
  readonly input: unknown
  readonly actor?: ActorInput
  /** For people who are asked: what this does. */
  readonly about?: JsonObject
}

export interface CallOptions {
  /** Judges only: nothing is opened, taken, written or recorded. */
  readonly dryRun?: boolean
  /** Cancels. After dispatch the outcome says what is known of the effect. */
  readonly signal?: AbortSignal
  /** Milliseconds from the call until its handler must have ended, whatever it waited for meanwhile; a nested call has no more than its parent. */
  readonly deadlineMs?: number
  /**
   * Names the one effect that this call is to have, however often it is tried: at most 1,000 visible ASCII characters. It stands
   * in the records of the call, the durable intent included, and its handler may hand it on to what it calls.
   */
  readonly idempotencyKey?: string
  /** Hears the id of the call before anything of it is judged: by it, what comes up meanwhile is told from other calls'. */
  readonly onCallId?: (callId: string) => void
  /** Receives progress messages of the handler, filtered like results. */
  readonly onProgress?: (message: Json) => void
}

/** The one way to governed actions. Provided by the kernel. */
export interface Gate {
  /** Calls a tool. Never throws for anything the caller or a plugin did: the outcome says how it ended. */
  call(request: CallRequest, options?: CallOptions): Promise<Outcome>
  /** Starts an action of another kind. */
  act<I extends Json, O>(kind: ActionKind<I, O>, request: ActRequest, options?: CallOptions): Promise<Outcome<O>>
  /** Runs the action that an approval was opened for, as its requester, judged again; of an edited one, what it became. */
  resume(approvalId: string, options?: CallOptions): Promise<Outcome>
  /**
   * Judges the action of a pending request from the start with another input, as its requester, and opens a request for it
   * whether or not anybody asks. Runs nothing: ends as `pending` or `denied`.
   */
  edit(approvalId: string, input: Json): Promise<Outcome>
  /** A dry run of a tool call. */
  explain(request: CallRequest): Promise<DryRun | Outcome>
  /** Every tool's contract, sorted by id. */
  tools(): readonly ToolContract[]
  /** What this kernel is made of. */
  plan(): PlanReport
  /** What happens with an action of this kind once a person approves it. */
  onApproval(kind: string): 'caller' | 'execute'
  /** Makes an actor of what a caller named. Throws `ACTOR_INVALID`. */
  actor(input?: ActorInput): Actor
}

/** Provided by the kernel itself; its methods work from `onStart` on. */
export const gateSlot = slot<Gate>('cloned.gate', { contract: 1 })

// -- inside a handler ------------------------------------------------------------------------------------------------

/** The answer to a check. */
export type CheckAnswer =
  | { readonly allowed: true; readonly ballot: readonly Vote[] }
  | {
      readonly allowed: false
      readonly code: string
      readonly reason: string
      /** The command that would propose to allow it. */
      readonly help: string
      readonly ballot: readonly Vote[]
    }

/** What a handler gets besides its input. */
export interface HandlerContext {
  readonly callId: string
  readonly actor: Actor
  /** The tool that runs; `undefined` in an action of another kind. */
  readonly tool: ToolContract | undefined
  /** What its caller named the effect of this call; a call that is tried again carries the same one. */
  readonly idempotencyKey?: string | undefined
  /** Aborts on cancel and on the deadline. */
  readonly signal: AbortSignal
  /** Reports progress; passes the result filters. */
  progress(message: Json): void
  /** A nested tool call: same actor, signal and deadline. A `pending` outcome is returned, never awaited. */
  call(tool: string, input: unknown): Promise<Outcome>
  /** A nested action of another kind. */
  act<I extends Json, O>(kind: ActionKind<I, O>, request: Omit<ActRequest, 'actor'>): Promise<Outcome<O>>
  /** Asks the guards of a check; its record is durable before the outcome of this action. */
  check<S>(hook: CheckHook<{ action: Action; subject: S }>, subject: S): CheckAnswer | Promise<CheckAnswer>
  /** Appends a record of the handler's own to the audit log, durable before the outcome of this action. */
  record(type: string, fields: JsonObject): Promise<Receipt>
}

/** Runs an action of a kind that a plugin executes. Throw `fail(…)` to say that nothing happened. */
export interface Executor<I = Json, O = Json> {
  /** JSON Schema 2020-12 of the input; validated before anybody votes. */
  readonly input: JsonObject
  execute(input: I, ctx: HandlerContext, action: Action<I>): O | Promise<O>
}

/** A failure that a handler reports on purpose, with what it knows of the effect. */
export class HandlerError extends Error {
  override readonly name = 'HandlerError'
  readonly effect: 'none' | 'happened' | 'unknown'
  readonly code: string
  readonly help: string | undefined

  constructor(message: string, about: { effect?: 'none' | 'happened' | 'unknown'; code?: string; help?: string } = {}) {
    super(message)
    this.effect = about.effect ?? 'unknown'
    this.code = about.code ?? 'HANDLER_FAILED'
    this.help = about.help
  }
}

/** Makes a failure without effect: what a handler throws when it refused before doing anything. */
export function fail(message: string, about: { code?: string; help?: string } = {}): HandlerError {
  return new HandlerError(message, { ...about, effect: 'none' })
}
