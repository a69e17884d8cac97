// Follows a run until it has ended or waits for a person; it only watches, and wakes a run that nobody carries.
import { type Approvals, ClonedError } from 'cloned/kernel'
import { hasEnded, type Ledger } from './ledger.js'
import type { Progress } from './progress.js'
import type { StoredRun } from './tables.js'

// How often to look at a run that another process carries.
const POLL_MS = 500

export interface FollowDeps {
  readonly ledger: Pick<Ledger, 'load' | 'wake'>
  readonly approvals: Pick<Approvals, 'get'> | undefined
  readonly progress: Progress
  /** Whether this process carries the run now. */
  readonly holds: (id: string) => boolean
}

/** Resolves with the run as it stands then. `onStep` hears of every version seen. Throws `RUN_UNKNOWN`. */
export async function follow(id: string, deps: FollowDeps, onStep?: (run: StoredRun) => void): Promise<StoredRun> {
  const { ledger, progress, holds } = deps
  const watch = progress.watch(id)
  let shown = 0
  try {
    for (;;) {
      const run = await ledger.load(id)
      if (!run) throw new ClonedError('RUN_UNKNOWN', { run: id })
      if (run.version !== shown) onStep?.(run)
      shown = run.version
      if (hasEnded(run.state) || (await waitsForPerson(run, deps))) return run
      const heard = await watch.next(holds(id) ? undefined : POLL_MS)
      // Perhaps nobody carries it: its process died, or the decision came while none was there. If somebody does, the
      // wake is theirs and changes nothing.
      if (!heard && !holds(id)) await ledger.wake(id)
    }
  } finally {
    watch.close()
  }
}

async function waitsForPerson(run: StoredRun, { approvals, holds }: FollowDeps): Promise<boolean> {
  const waiting = run.steps.find(({ state }) => state === 'waiting')
  if (run.state !== 'waiting' || waiting?.approval === undefined || holds(run.id)) return false
  return (await approvals?.get(waiting.approval))?.state === 'pending'
}
