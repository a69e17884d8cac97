// Names the policy service and the list of those who judge requests by a policy; interfaces and tokens only.
import { type Action, collection, slot } from 'cloned/kernel'

/** What a rule answers. */
export type Answer = 'allow' | 'ask' | 'deny'

/** A cap on one category in one window. */
export interface BudgetCap {
  /** `calls` counts tool calls; others are the categories that tools declare as cost. */
  readonly category: string
  readonly limit: number
  /** Length of the window in milliseconds; windows are aligned to the epoch. */
  readonly windowMs: number
  /** What has a counter of its own. Absent: nothing has, the workspace is counted. */
  readonly per?: 'actor' | 'run' | 'connector'
  /** The part of the limit, 0 to 1, from which on its use is a warning; 0.8 when absent. */
  readonly warn?: number
  /** Limits the cap to tools whose id matches one of these patterns; `*` matches any run of characters. */
  readonly tools?: readonly string[]
}

/**
 * Outgoing requests to one host. What an allow rule does not say is the narrowest: `https`, the default port of each
 * scheme, every method. What a deny rule does not say is everything.
 */
export interface EgressRule {
  /** A host in its one spelling, or `*.` and a name for exactly one label before it. */
  readonly host: string
  readonly schemes?: readonly ('https' | 'http')[]
  readonly ports?: readonly number[]
  readonly methods?: readonly string[]
  /** Private or loopback ranges (CIDR) that the host may resolve to, besides public addresses. */
  readonly addresses?: readonly string[]
  /** Where the rule stands. */
  readonly at: string
}

/** Rules of one scope. */
export interface EgressLists {
  readonly deny: readonly EgressRule[]
  readonly allow: readonly EgressRule[]
}

/** Everything the policy says about outgoing requests. A request that no allow rule names is denied. */
export interface EgressPolicy {
  readonly global: EgressLists
  /** By connector id. */
  readonly connectors: Readonly<Record<string, EgressLists>>
  /** By tool id with version. */
  readonly tools: Readonly<Record<string, EgressLists>>
}

/** Somebody who may decide approval requests. At least one of `osUser` and `key` is there; no two approvers share one. */
export interface Approver {
  /** As an actor: `user:bob`. */
  readonly id: string
  /** Operating-system user whose processes speak for the approver. */
  readonly osUser?: string
  /** Ed25519 public key, 32 bytes in base64url without padding. */
  readonly key?: string
  readonly roles: readonly string[]
}

/** What the decision on some actions needs. */
export interface ApprovalRule {
  /** Patterns of tool ids, as in {@link PolicySnapshot.tools}. */
  readonly tools: readonly string[]
  /** Kinds of other actions. */
  readonly actions: readonly string[]
  /** Different approvers (of this role) that must agree; one of any role when absent. */
  readonly quorum?: { readonly n: number; readonly role?: string }
  /** The role that may decide too once a request has waited so long. */
  readonly escalate?: { readonly afterMs: number; readonly role: string }
  /** Whether later actions may be covered by a standing grant. */
  readonly grants: 'allow' | 'deny'
  /** Where the rule stands. */
  readonly at: string
}

/** Patterns by answer; the first list that matches counts: deny, ask, allow. */
export interface AnswerLists {
  readonly deny: readonly string[]
  readonly ask: readonly string[]
  readonly allow: readonly string[]
}

/** The merged policy in force: pack plus overlay. Immutable. */
export interface PolicySnapshot {
  /** Raised by every change that this process has seen. */
  readonly epoch: number
  readonly pack: 'personal' | 'shared' | 'enterprise'
  /** SHA-256 of the canonical merged content. */
  readonly digest: string
  /** SHA-256 of the text of the overlay in force, `null` without one: the `previous` of the next policy write. */
  readonly overlay: string | null
  /** The overlay file is not the overlay in force: it was edited, made or removed by hand and not adopted. */
  readonly drift: boolean
  readonly tools: AnswerLists & {
    /** The answer for a tool that no list names, by its risk. */
    readonly risk: Readonly<Record<'low' | 'medium' | 'high', Answer>>
  }
  /** By the capability of a tool; asked together with the lists of `tools`, before its risk. */
  readonly capabilities: AnswerLists
  /** By the publisher of a package, for whatever installs packages. */
  readonly publishers: AnswerLists & {
    /** The answer for a publisher that no list names. */
    readonly others: Answer
  }
  /** The answer for kinds of action that have no guard hook of their own, by kind; `*` for the rest. */
  readonly actions: Readonly<Record<string, Answer>>
  readonly approvals: {
    readonly expiresMs: number
    /** Whether the requester's own operating-system user may decide. */
    readonly selfDecision: boolean
    /** The most requests of one actor that may be pending. */
    readonly maxPendingPerActor: number
    /** Who may decide. Empty: whoever `selfDecision` lets. */
    readonly approvers: readonly Approver[]
    /** The first rule that names an action counts; one decision is enough for an action that none names. */
    readonly rules: readonly ApprovalRule[]
  }
  readonly writes: {
    /** What a policy write that only takes permissions away gets. */
    readonly tightening: 'ask' | 'allow'
  }
  /** Bounds of every tool call. */
  readonly limits: {
    /** How deep calls may start calls. */
    readonly depth: number
    /** The longest `timeoutMs` that a tool may declare. */
    readonly timeoutMs: number
  }
  readonly ui: {
    /** Origins whose pages may use the HTTP API, as a browser sends them. */
    readonly origins: readonly string[]
  }
  readonly budgets: readonly BudgetCap[]
  readonly egress: EgressPolicy
}

export interface Policy {
  /**
   * The snapshot in force now: the last approved overlay, never a file that was only edited. Cheap enough for every
   * call. Throws `FILE_INVALID` while the overlay file does not parse or validate.
   */
  snapshot(): PolicySnapshot
  /** What the snapshot in force answers to this action, and where the rule stands. Throws like `snapshot`. */
  decide(action: Action): { readonly answer: Answer; readonly rule: string }
  /** What would be in force with this text as the overlay; puts nothing in force. Throws `FILE_INVALID`. */
  preview(overlay: string): Omit<PolicySnapshot, 'epoch' | 'drift'>
}

export const policySlot = slot<Policy>('cloned.policy', { contract: 1 })

/** Judges requests by the egress rules of any policy, so that one can be tried before it is in force. */
export interface EgressJudge {
  /** Compiles rules. Throws `EGRESS_RULES` for rules that cannot be used. What it answers is pure. */
  compile(
    egress: EgressPolicy,
  ): (
    caller: { readonly tool: string; readonly connector?: string },
    method: string,
    url: string,
  ) => { readonly allowed: boolean; readonly rule?: string }
}

/** The policy reads it; whoever decides about requests adds to it. */
export const egressJudgesCollection = collection<EgressJudge>('cloned.egress-judges', { contract: 1 })
