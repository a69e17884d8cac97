// Puts the approvals of a workspace together from opening, using, granting and deciding; holds no state outside the store.
import type { Approvals } from 'cloned/kernel'
import { createDecide, type DecideDeps } from './decide.js'
import { type CheckedGrants, createGrants } from './grants.js'
import { createRequests } from './requests.js'
import { createUses } from './uses.js'

/** What {@link createApprovals} works with. The tables of {@link MIGRATIONS} must exist before the first call. */
export type ApprovalsDeps = DecideDeps

/** Makes the approvals of one workspace. Any number of processes may have one on the same store. */
export function createApprovals(deps: ApprovalsDeps): Approvals & { readonly grants: CheckedGrants } {
  const grants = createGrants(deps)
  return { ...createRequests(deps), ...createUses({ ...deps, grants }), decide: createDecide(deps), grants }
}

export { MIGRATIONS } from './schema.js'
