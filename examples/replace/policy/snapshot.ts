// Makes the whole policy out of the few lines that a distribution says; what they do not say is the strictest.
import { digest, snapshot as frozen, type Json } from 'cloned/kernel'
import type { Answer, PolicySnapshot } from 'cloned/plugins/policy'

/** What a distribution says of its policy. */
export interface FixedPolicyConfig {
  /** Patterns of tool ids by answer; the first list that matches counts: deny, ask, allow. */
  readonly deny?: readonly string[]
  readonly ask?: readonly string[]
  readonly allow?: readonly string[]
  /** The answer for a tool that no list names; `deny` for a risk that is not named. */
  readonly risk?: Readonly<Partial<Record<'low' | 'medium' | 'high', Answer>>>
  /** The answer for other kinds of action; `deny` for one that is not named. */
  readonly actions?: Readonly<Record<string, Answer>>
}

const DAY = 24 * 3_600_000

/** Frozen to its depth. */
export function snapshotOf({ deny = [], ask = [], allow = [], risk, actions }: FixedPolicyConfig): PolicySnapshot {
  const none = { deny: [], ask: [], allow: [] }
  const content = {
    pack: 'personal' as const,
    tools: { deny, ask, allow, risk: { low: 'deny', medium: 'deny', high: 'deny', ...risk } },
    capabilities: none,
    publishers: { ...none, others: 'deny' },
    actions: { ...actions },
    approvals: { expiresMs: DAY, selfDecision: true, maxPendingPerActor: 20, approvers: [], rules: [] },
    writes: { tightening: 'ask' },
    limits: { depth: 8, timeoutMs: DAY },
    ui: { origins: [] },
    budgets: [],
    egress: { global: { deny: [], allow: [] }, connectors: {}, tools: {} },
  }
  const whole = { ...content, epoch: 1, overlay: null, drift: false, digest: digest(content as unknown as Json) }
  return frozen(whole) as unknown as PolicySnapshot
}
