// Puts the approvals of a workspace together from opening, using and deciding; holds no state outside the store.
import type { Approvals } from 'cloned/kernel'
import { createDecide } from './decide.js'
import { createRequests } from './requests.js'
import { createUses } from './uses.js'

/** What {@link createApprovals} works with. The tables of {@link MIGRATIONS} must exist before the first call. */
export type ApprovalsDeps = Parameters<typeof createDecide>[0]

/** Makes the approvals of one workspace. Any number of processes may have one on the same store. */
export function createApprovals(deps: ApprovalsDeps): Approvals {
  return { ...createRequests(deps), ...createUses(deps), decide: createDecide(deps) }
}

export { MIGRATIONS } from './schema.js'
