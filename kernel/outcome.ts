// Says how an action ended, in exactly one of five ways; must never read as "did not run" when that is not known.
import type { ApprovalRequest } from './contracts.js'
import type { Json } from './json.js'
import type { Vote } from './verdict.js'

interface Ended {
  readonly callId: string
  /** Every vote that was cast, sorted by plugin and hook. */
  readonly ballot: readonly Vote[]
}

/** It ran, and its outcome is in the audit log. */
export interface Done<O = Json> extends Ended {
  readonly status: 'done'
  readonly output: O
  /** The outcome's place in the audit log. */
  readonly record: { readonly seq: number; readonly hash: string }
}

/** It did not run. */
export interface Denied extends Ended {
  readonly status: 'denied'
  readonly code: string
  readonly reason: string
  /** The one command that would change the answer. */
  readonly help: string
}

/** It did not run and waits for a person. */
export interface Pending extends Ended {
  readonly status: 'pending'
  readonly approval: ApprovalRequest
  /** Channels that reported the request as delivered; empty means that nobody was told. */
  readonly delivered: readonly string[]
  readonly reason: string
  readonly help: string
}

/** It was let through and did not come to a good end. */
export interface Failed extends Ended {
  readonly status: 'failed'
  readonly code: string
  readonly reason: string
  /** Whether it had an effect on the world. `unknown` whenever the handler was entered and nothing proves otherwise. */
  readonly effect: 'none' | 'happened' | 'unknown'
  readonly help: string
}

/** It was judged and not run; nothing was opened, taken, written or recorded. */
export interface DryRun extends Ended {
  readonly status: 'dry-run'
  readonly verdict: 'allow' | 'ask' | 'deny'
  readonly code?: string
  readonly reason?: string
  readonly help?: string
  /** The input as prepared. */
  readonly input: Json
  /** The approval that would satisfy the asks, when there is one. */
  readonly approval?: string
  /** What each reserve would take, by plugin. */
  readonly reserves: { readonly [plugin: string]: Json }
}

/** How an action ended. */
export type Outcome<O = Json> = Done<O> | Denied | Pending | Failed | DryRun
