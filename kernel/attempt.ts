// Holds the state of one attempt at an action, from its request to its outcome; decides nothing.
import type { Action, Actor } from './action.js'
import type { ContractedKind } from './adapt-action.js'
import type { ActorInput, CallOptions, TakeRef } from './contracts.js'
import type { JsonObject } from './json.js'
import type { Runnable } from './registry.js'
import { Takes } from './takes.js'
import type { Vote } from './verdict.js'

/** What an attempt is made from. */
export interface AttemptRequest {
  readonly kind: string
  /** The kind as who starts the action was built for it; absent where its input is that of who executes it. */
  readonly started?: ContractedKind
  readonly target: string
  readonly input: unknown
  readonly actor: ActorInput | undefined
  readonly about?: JsonObject
  readonly options: CallOptions
  /** The running action whose handler started this one. */
  readonly parent?: ParentScope
  /** The request whose input is edited: a request is opened and nothing runs. Its requester acts. */
  readonly edits?: { readonly approval: string; readonly actor: Actor }
  /** The approval that is being resumed, with the digest, contract and requester it was given for. */
  readonly resume?: { readonly approval: string; readonly digest: string; readonly actor: Actor }
}

/** What a nested action inherits. */
export interface ParentScope {
  readonly action: Action
  readonly signal: AbortSignal
  /** `performance.now()` at which the parent's time is up. */
  readonly deadlineAt: number
}

/** How far an attempt has come; what a failure means follows from it. */
export type Phase = 'judging' | 'intended' | 'dispatched'

export class Attempt {
  readonly callId: string
  readonly request: AttemptRequest
  readonly takes = new Takes()
  readonly startedAt = performance.now()
  phase: Phase = 'judging'
  ballot: readonly Vote[] = Object.freeze([])
  actor: Actor | undefined
  runnable: Runnable | undefined
  action: Action | undefined
  /** Canonical text of the prepared input. */
  inputText = ''
  /** What stands for the input and for the digest of the action in every record of it. */
  tokens: { readonly args: string; readonly digest: string } | undefined
  /** Id of the approval that was taken, or that a dry run found. */
  approval: string | undefined
  /** Sequence of the intent record. */
  intentSeq: number | undefined

  constructor(callId: string, request: AttemptRequest) {
    this.callId = callId
    this.request = request
  }

  get dryRun(): boolean {
    return this.request.options.dryRun === true
  }

  get depth(): number {
    return this.request.parent ? this.request.parent.action.depth + 1 : 0
  }

  /** `performance.now()` at which nothing of it may start any more, and its handler must have ended. */
  get deadlineAt(): number {
    const { options, parent } = this.request
    const own = this.startedAt + (options.deadlineMs ?? Number.POSITIVE_INFINITY)
    return Math.min(own, parent?.deadlineAt ?? Number.POSITIVE_INFINITY)
  }

  ref(instance: string): TakeRef {
    return { callId: this.callId, instance }
  }
}
