// Follows a run until it has ended or waits for a person; it only watches, and wakes a run that nobody carries.
import { type Approvals, ClonedError } from 'cloned/kernel'
import { hasEnded, type Ledger } from './ledger.js'
import type { Progress } from './progress.js'
import type { StoredRun } from './tables.js'

// How often to look at a run that another process carries, and how often at most to show one.
const POLL_MS = 500
const SHOW_MS = 50

export interface FollowDeps {
  readonly ledger: Pick<Ledger, 'load' | 'glance' | 'wake' | 'awaited' | 'sleeps'>
  readonly approvals: Pick<Approvals, 'get'> | undefined
  readonly progress: Progress
  /** Whether this process carries the run now. */
  readonly holds: (id: string) => boolean
}

export interface Following {
  /** Hears of every version seen. */
  readonly onStep?: ((run: StoredRun) => void) | undefined
  /** Goes on while the run waits for a person. */
  readonly wait?: boolean | undefined
  /** Ends when the run sleeps until a step is tried again: the wake for that is durable. */
  readonly untilSleep?: boolean | undefined
  /** Ends the following, and nothing else. */
  readonly signal?: AbortSignal | undefined
}

/** Resolves with the run as it stands then. Throws `RUN_UNKNOWN`. */
export async function follow(id: string, deps: FollowDeps, following: Following = {}): Promise<StoredRun> {
  const { ledger, progress, holds } = deps
  const { onStep, wait = false, untilSleep = false, signal } = following
  const watch = progress.watch(id, signal)
  let shown = -1
  try {
    for (;;) {
      const seen = await ledger.glance(id)
      if (!seen) throw new ClonedError('RUN_UNKNOWN', { run: id })
      if (onStep && seen.version !== shown) onStep(await mustLoad(ledger, id))
      shown = seen.version
      const asks = seen.state === 'waiting' && !holds(id) && (await waitsForPerson(id, deps))
      const sleeps = untilSleep && !holds(id) && (await ledger.sleeps(id))
      if (hasEnded(seen.state) || seen.state === 'paused' || (asks && !wait) || sleeps || signal?.aborted) {
        return await mustLoad(ledger, id)
      }
      const heard = await watch.next(holds(id) ? undefined : POLL_MS, onStep ? SHOW_MS : undefined)
      // Perhaps nobody carries it: its process died, or the decision came while none was there. If somebody does, the
      // wake is theirs and changes nothing.
      if (!heard && !asks && !holds(id)) await ledger.wake(id)
    }
  } finally {
    watch.close()
  }
}

async function mustLoad(ledger: Pick<Ledger, 'load'>, id: string): Promise<StoredRun> {
  const run = await ledger.load(id)
  if (!run) throw new ClonedError('RUN_UNKNOWN', { run: id })
  return run
}

/** Whether somebody is asked and nobody has decided anything that the run could go on with. */
export async function waitsForPerson(
  id: string,
  { ledger, approvals }: Pick<FollowDeps, 'approvals'> & { readonly ledger: Pick<Ledger, 'awaited'> },
): Promise<boolean> {
  const awaited = await ledger.awaited(id)
  for (const approval of awaited) if ((await approvals?.get(approval))?.state !== 'pending') return false
  return awaited.length > 0
}
