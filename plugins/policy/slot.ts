// Names the policy service: the snapshot in force; interface and token only.
import { type Action, slot } from 'cloned/kernel'

/** What a rule answers. */
export type Answer = 'allow' | 'ask' | 'deny'

/** A cap on one category in one window. */
export interface BudgetCap {
  /** `calls` counts tool calls; others are the categories that tools declare as cost. */
  readonly category: string
  readonly limit: number
  /** Length of the window in milliseconds; windows are aligned to the epoch. */
  readonly windowMs: number
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
  readonly tools: {
    readonly deny: readonly string[]
    readonly ask: readonly string[]
    readonly allow: readonly string[]
    /** The answer for a tool that no list names, by its risk. */
    readonly risk: Readonly<Record<'low' | 'medium' | 'high', Answer>>
  }
  /** The answer for kinds of action that have no guard hook of their own, by kind; `*` for the rest. */
  readonly actions: Readonly<Record<string, Answer>>
  readonly approvals: {
    readonly expiresMs: number
    /** Whether the requester's own operating-system user may decide. */
    readonly selfDecision: boolean
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
