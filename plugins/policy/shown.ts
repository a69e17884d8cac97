// Lists the rules of a merged policy for people, each with its place, in the order in which they are asked.
import { shownEgress } from './egress.js'
import { LISTS, type Merged, type Placed, type PlacedLists, RISKS } from './merge.js'
import type { ApprovalRule, Approver, BudgetCap } from './slot.js'

/** An entry for people. */
export interface ShownRule {
  readonly section: string
  readonly value: string
  readonly at: string
}

export function shownRules(merged: Merged): ShownRule[] {
  const { tools, actions } = merged
  return [
    ...lists('tools', tools),
    ...lists('capabilities', merged.capabilities),
    ...RISKS.map((risk) => rule(`tools.risk.${risk}`, tools.risk[risk])),
    ...[...actions].map(([kind, entry]) => rule(`actions.${kind}`, entry)),
    ...lists('publishers', merged.publishers),
    rule('publishers.others', merged.publishers.others),
    rule('approvals.expires', merged.expiresMs, duration),
    rule('approvals.self_decision', merged.selfDecision),
    rule('approvals.max_pending_per_actor', merged.maxPending),
    ...merged.approvers.map((entry) => rule('approvals.approvers', entry, approver)),
    ...merged.approvalRules.map((entry) => rule('approvals.rules', entry, approvalRule)),
    rule('writes.tightening', merged.tightening),
    rule('limits.depth', merged.depth),
    rule('limits.timeout', merged.timeoutMs, duration),
    ...merged.origins.map((entry) => rule('ui.origins', entry)),
    ...merged.budgets.map((entry) => rule('budgets', entry, cap)),
    ...shownEgress(merged.egress),
  ]
}

function rule<T>(section: string, { value, at }: Placed<T>, word: (value: T) => string = String): ShownRule {
  return { section, value: word(value), at }
}

function lists(section: string, placed: PlacedLists): ShownRule[] {
  return LISTS.flatMap((list) => placed[list].map((entry) => rule(`${section}.${list}`, entry)))
}

function approver({ id, osUser, key, roles }: Approver): string {
  const parts = [...(osUser === undefined ? [] : [`user ${osUser}`]), ...(key === undefined ? [] : [`key ${key}`])]
  return [id, ...parts, ...(roles.length === 0 ? [] : [`roles ${roles.join(', ')}`])].join('; ')
}

function approvalRule({ tools, actions, quorum, escalate, grants }: ApprovalRule): string {
  return [
    [...tools, ...actions].join(', '),
    ...(quorum ? [`${quorum.n} ${quorum.role ?? 'approvers'}`] : []),
    ...(escalate ? [`${escalate.role} after ${duration(escalate.afterMs)}`] : []),
    `grants ${grants}`,
  ].join('; ')
}

function cap({ category, limit, windowMs, per, tools }: BudgetCap): string {
  const each = per === undefined ? '' : ` and ${per}`
  return `${category} ${limit} per ${duration(windowMs)}${each}${tools === undefined ? '' : ` for ${tools.join(', ')}`}`
}

function duration(ms: number): string {
  const units = { d: 86_400_000, h: 3_600_000, m: 60_000 }
  for (const [unit, size] of Object.entries(units)) if (ms % size === 0) return `${ms / size}${unit}`
  return `${ms / 1_000}s`
}
