// Lays the approvers and approval rules of an overlay on those of its pack; must never make two people out of one.

import type { Layer, Placed } from './merge.js'
import type { ApprovalRule, Approver } from './slot.js'
import { durationMs } from './terms.js'

/** Every approver, those of the overlay first; an entry of the overlay replaces what shares anything with it. */
export function mergeApprovers(layers: readonly Layer[]): Placed<Approver>[] {
  const merged: Placed<Approver>[] = []
  for (const { document, origin, where } of layers) {
    const entries = document.approvals?.approvers ?? []
    const taken = [...merged]
    entries.forEach(({ id, os_user: osUser, key, roles = [] }, index) => {
      const value = { id, ...(osUser === undefined ? {} : { osUser }), ...(key === undefined ? {} : { key }), roles }
      if (taken.some((other) => samePerson(other.value, value))) return
      const path = ['approvals', 'approvers', index]
      merged.push({ value, origin, at: where(path, 'approvals.approvers') })
    })
  }
  return merged
}

/** Every rule, those of the overlay first: the first one that names an action counts. */
export function mergeApprovalRules(layers: readonly Layer[]): Placed<ApprovalRule>[] {
  return layers.flatMap(({ document, origin, where }) =>
    (document.approvals?.rules ?? []).map(
      ({ tools = [], actions = [], quorum, escalate, grants = 'allow' }, index): Placed<ApprovalRule> => {
        const at = where(['approvals', 'rules', index], 'approvals.rules')
        const value = {
          tools,
          actions,
          ...(quorum ? { quorum } : {}),
          ...(escalate ? { escalate: { afterMs: durationMs(escalate.after), role: escalate.role } } : {}),
          grants,
          at,
        }
        return { value, origin, at }
      },
    ),
  )
}

function samePerson(a: Approver, b: Approver): boolean {
  return a.id === b.id || (a.key !== undefined && a.key === b.key) || (a.osUser !== undefined && a.osUser === b.osUser)
}
