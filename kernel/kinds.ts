// Defines the two kinds of action that the kernel knows itself; the tool call it also executes.
import { actionKind } from './action.js'
import {
  afterPolicyWrite,
  afterToolCall,
  beforeToolCall,
  filterToolResult,
  onPolicyWrite,
  prepareToolCall,
  reserveToolCall,
} from './hooks.js'
import type { Json } from './json.js'

/** A call of a tool. Executed by the kernel; run by its caller once approved. */
export const toolCall = actionKind<Json, Json, 'tool.call'>({
  id: 'tool.call',
  contract: 1,
  record: 'tool',
  onApproval: 'caller',
  prepare: prepareToolCall,
  guard: beforeToolCall,
  reserve: reserveToolCall,
  filter: filterToolResult,
  after: afterToolCall,
})

/** What a policy write changes: the overlay of one pack, as text. */
export type PolicyWrite = {
  readonly pack: string
  /** The whole new content of the overlay. */
  readonly content: string
  /** SHA-256 of the content in force, `null` when there is none; a stale one is refused. */
  readonly previous: string | null
}

/** A write of the policy. Executed by the plugin that owns the policy; runs in the process that decides. */
export const policyWrite = actionKind<PolicyWrite, Json, 'policy.write'>({
  id: 'policy.write',
  contract: 1,
  record: 'policy',
  onApproval: 'execute',
  guard: onPolicyWrite,
  after: afterPolicyWrite,
})

/** Kinds that no plugin may execute. */
export const KERNEL_KINDS: ReadonlySet<string> = new Set([toolCall.id])
