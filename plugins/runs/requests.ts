// Speaks on the requests of a run for whoever changes the run; a word that does not count on a request must not act around it.
import { type Actor, type Approvals, type Decision, isClonedError } from 'cloned/kernel'
import type { StoredRun } from './tables.js'

type Decide = Pick<Approvals, 'decide' | 'get'> | undefined

/** Denies what nobody should be asked any more: of these paths, or all of the run. */
export async function withdraw(
  run: StoredRun,
  paths: ReadonlySet<string> | undefined,
  approvals: Decide,
  how: { readonly by: Actor; readonly reason: string },
): Promise<void> {
  for (const { path, approval } of run.nodes.values()) {
    if (approval === undefined || (paths && !paths.has(path))) continue
    // Refused where the policy wants somebody else's decision: the request expires by itself.
    await say(approvals, approval, { verdict: 'deny', ...how }, ['APPROVAL_UNUSABLE', 'APPROVER_REFUSED'])
  }
}

/**
 * Approves that calls are made again about which a person is asked; answers the paths of their steps, which go on once
 * enough people have said so. Throws `APPROVER_REFUSED` for somebody whose word does not count.
 */
export async function approveRepeats(run: StoredRun, approvals: Decide, by: Actor): Promise<ReadonlySet<string>> {
  const asked = new Set<string>()
  for (const { path, state, approval } of run.nodes.values()) {
    if (state !== 'indeterminate' || approval === undefined) continue
    if ((await approvals?.get(approval))?.state !== 'pending') continue
    await say(approvals, approval, { verdict: 'approve', by }, ['APPROVAL_UNUSABLE'])
    asked.add(path)
  }
  return asked
}

async function say(
  approvals: Decide,
  approval: string,
  decision: Pick<Decision, 'verdict' | 'by' | 'reason'>,
  passable: readonly string[],
): Promise<void> {
  try {
    // Not as the user of this process, where a server has proven that it is somebody else.
    await approvals?.decide(approval, { ...decision, ...(decision.by.claimed ? {} : { proven: true }) })
  } catch (error) {
    if (!isClonedError(error) || !passable.includes(error.code)) throw error
  }
}
