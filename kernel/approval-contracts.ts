// Publishes the contract of whatever keeps approvals and grants; interfaces and the token only.
import type { Actor } from './action.js'
import type { TakeAnswer, TakeRef, Taker } from './contracts.js'
import type { Json, JsonObject } from './json.js'
import type { Outcome } from './outcome.js'
import { slot } from './token.js'

/** A question that an action raised. */
export interface AskShown {
  readonly plugin: string
  readonly key: string
  readonly reason: string
  /** The rule that asked, as a person finds it. */
  readonly rule?: string
}

/** An action as prepared, kept until somebody decides. */
export interface StoredAction {
  readonly kind: string
  readonly target: string
  readonly input: Json
  readonly actor: Actor
  readonly digest: string
  /** Contract hash of the tool, or the contract number of the kind. */
  readonly contract: string
  /** For people: title, risk, what it touches. */
  readonly about: JsonObject
}

/** One approver's word on a request. */
export interface DecisionMade {
  readonly verdict: 'approve' | 'deny' | 'edit'
  readonly by: Actor
  /** RFC 7638 thumbprint of the approver key that signed it. */
  readonly key?: string
  readonly at: number
  readonly reason?: string
}

/** An approval request and how it stands. */
export interface ApprovalRequest {
  readonly id: string
  /** `edited`: approved with another input, as the request `replacedBy`. */
  readonly state: 'pending' | 'approved' | 'denied' | 'expired' | 'used' | 'edited'
  readonly action: StoredAction
  readonly asks: readonly AskShown[]
  readonly createdAt: number
  readonly expiresAt: number
  readonly decidedBy?: Actor
  readonly decidedAt?: number
  readonly reason?: string
  /** The call that used it. */
  readonly usedBy?: string
  /** The request that holds the edited action. */
  readonly replacedBy?: string
  /** Every word on it, oldest first; a listing may leave them out. */
  readonly decisions?: readonly DecisionMade[]
  /** The request has ended and its input is not kept any more: `action.input` is `null`. */
  readonly inputDropped?: true
}

/** What later calls of the same tool, contract and requester a grant covers. */
export interface GrantTerms {
  /** JSON Schema 2020-12 of the input. */
  readonly schema: JsonObject
  /** The hosts that the input may name in URLs. */
  readonly hosts: readonly string[]
  /** How many calls. */
  readonly count: number
  /** Until when, milliseconds since 1970. */
  readonly until: number
}

/** A standing grant: later calls that it covers are not asked about. It satisfies asks only, never a deny. */
export interface Grant {
  /** Begins with `gr_`; stands in the intent of every call that used it, where an approval would. */
  readonly id: string
  /** The request that it was given with. */
  readonly approval: string
  readonly tool: string
  readonly contract: string
  readonly actor: Actor
  /** The questions that the person who gave it has seen. */
  readonly asks: readonly AskShown[]
  readonly terms: GrantTerms
  readonly grantedBy: Actor
  readonly grantedAt: number
  /** Calls that have it, or have used it. */
  readonly used: number
  readonly revokedAt?: number
}

/** The standing grants of a workspace. A grant is used by {@link Approvals.take} under its id. */
export interface Grants {
  /** The grant that covers this action and every ask, and is not used up, over or revoked; reads only. */
  match(action: StoredAction, asks: readonly AskShown[]): Promise<Grant | undefined>
  /** Newest first. */
  list(): Promise<readonly Grant[]>
  /** Ends a grant at once, for every process. Throws `APPROVAL_UNKNOWN`. Legal twice. */
  revoke(grantId: string, by: Actor, reason?: string): Promise<Grant>
}

/** A decision on a request. */
export interface Decision {
  readonly verdict: 'approve' | 'deny'
  /** Whoever speaks here, as the caller names it; approvals keep whom they have authenticated beside it or instead. */
  readonly by: Actor
  /** `by.osUser` was authenticated by the caller. Without it the operating-system user of the process is who decides. */
  readonly proven?: true
  readonly reason?: string
  /** Approves this input instead: the action is judged again with it, and `pending` or `denied` is the outcome. */
  readonly edit?: Json
  /** Also lets later calls through. */
  readonly grant?: GrantTerms
  /** The decision as a document that an approver key has signed. It says verdict, reason and grant, and wins over them. */
  readonly signed?: string
}

/** The approvals of a workspace. */
export interface Approvals extends Taker {
  /** The approval that satisfies these asks of this action and is not used or expired; reads only. */
  match(digest: string, asks: readonly AskShown[]): Promise<ApprovalRequest | undefined>
  /** Opens a request; an identical pending one (same digest, same asks) is returned instead of a second. */
  open(action: StoredAction, asks: readonly AskShown[]): Promise<{ request: ApprovalRequest; created: boolean }>
  /**
   * Uses an approval, or a grant, for one call, once and atomically for all processes of the workspace. Must refuse when it was
   * not given for this digest and these asks, and when the audit log does not show that it was given or shows it as used.
   */
  take(
    ref: TakeRef,
    id: string,
    use: { readonly digest: string; readonly asks: readonly AskShown[] },
  ): Promise<TakeAnswer>
  /** Absent: nothing is approved beyond one action. */
  readonly grants?: Grants
  get(approvalId: string): Promise<ApprovalRequest | undefined>
  /** Newest first. */
  list(filter?: { state?: ApprovalRequest['state'] }): Promise<readonly ApprovalRequest[]>
  /**
   * Gives one person's word on a pending request; the request stays pending until enough have agreed. Before it answers the
   * word is durable in the audit log: `approval.decided` with `approval`, `verdict` and `by.id`. Throws
   * `APPROVAL_UNUSABLE` when it is not pending, `APPROVER_REFUSED` when the decider may not decide.
   * For kinds with `onApproval: 'execute'` the outcome of the action is returned too, and so is that of an edit that the
   * guards deny, which decides nothing.
   */
  decide(approvalId: string, decision: Decision): Promise<{ request: ApprovalRequest; outcome?: Outcome }>
}

/** Absent: whatever is asked is denied. */
export const approvalsSlot = slot<Approvals>('cloned.approvals', { contract: 1 })
