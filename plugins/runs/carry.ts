// Carries one run as far as it goes now: takes it, asks the log what became of it, walks, and leaves it in order.
import type { AuditLog, Logger } from 'cloned/kernel'
import type { ActiveRuns } from './active.js'
import type { End } from './ends.js'
import { ended } from './ends.js'
import { errorOf } from './errors.js'
import { waitsForPerson } from './follow.js'
import type { Hand } from './hands.js'
import type { Holders } from './holders.js'
import { settleInterrupted } from './interrupted.js'
import { Journal } from './journal.js'
import { type Held, isConflict, type Ledger, type Limits } from './ledger.js'
import type { CallParts } from './parts.js'
import { stepAt } from './paths.js'
import { mustStillRun } from './prepare.js'
import type { Node, StoredRun } from './tables.js'
import { walkRun } from './walk.js'

export interface CarryDeps extends Omit<CallParts, 'journal'> {
  readonly ledger: Ledger
  readonly audit: Pick<AuditLog, 'calls'>
  readonly active: ActiveRuns
  readonly holders: Holders
  readonly limits: Limits
  readonly now: () => number
  readonly log: Pick<Logger, 'warn'>
  /** Id of this kernel instance. */
  readonly instance: () => string
  /** Whether this process has started this run and not asked so before: everything about it was checked just now. */
  readonly isFresh: (id: string) => boolean
}

type Walking = CarryDeps & { readonly fresh: boolean }

// How soon a run is looked at again for which there was no room.
const NO_ROOM_MS = 500

/** Carries a run. The caller holds its wake: no other process carries it meanwhile. */
export async function carry(id: string, hand: Hand, deps: CarryDeps): Promise<void> {
  const { ledger, now } = deps
  const run = await ledger.load(id)
  // Only at the first look: until a later one its pack may have been disabled.
  const fresh = deps.isFresh(id) && run?.epoch === 0
  if (!run || !isToCarry(run)) return
  if (run.state === 'waiting' && run.carriers.length === 0 && (await waitsForPerson(id, deps))) return
  const due = sleepsUntil(run, now())
  if (due !== undefined) return ledger.wake(id, due)
  const held = await take(run, deps)
  if (held === 'no room') return ledger.wake(id, now() + NO_ROOM_MS)
  if (!held) return
  const leave = deps.active.enter({ id, pipeline: run.definition, inputs: run.inputs })
  try {
    await walk(run, held, hand, { ...deps, fresh })
  } catch (error) {
    // Somebody else has taken it: nothing of it is this hand's any more.
    if (!isConflict(error)) throw error
    deps.log.warn('a run was taken over while it was in hand', { run: id })
  } finally {
    leave()
  }
}

async function walk(run: StoredRun, held: Held, hand: Hand, deps: Walking): Promise<void> {
  const { ledger, now } = deps
  const journal = new Journal(run, held, { ledger, hand, now })
  const tool = (path: string) => {
    const step = stepAt(run.definition, path)
    return step?.kind === 'call' ? deps.tool(step.tool) : undefined
  }
  const found = await settleInterrupted(run, { audit: deps.audit, tool, now })
  await journal.putAll(run.state === 'cancelled' ? found.map((node) => givenUp(node, now())) : found)
  if (run.state === 'cancelled') return ledger.leave(held, {})
  const end = (await mustGoOn(run, deps)) ?? (await walkRun({ ...deps, journal }))
  // Left as a dead process would leave it: whoever takes it next asks the log first.
  if (journal.unsettled) return
  const wakeAt = journal.wakeAt === undefined ? {} : { wakeAt: journal.wakeAt }
  if (end.kind === 'done') return ledger.leave(held, { to: { state: 'done', output: end.output } })
  if (end.kind === 'failed') return ledger.leave(held, { to: { state: 'failed', error: end.error } })
  await ledger.leave(held, { ...(journal.waits ? { to: { state: 'waiting' } } : {}), ...wakeAt })
}

/** A run that was started elsewhere, or before, goes on only with a pack that is still there and what that needs. */
async function mustGoOn(run: StoredRun, { skills, fresh }: Walking): Promise<End | undefined> {
  if (fresh) return undefined
  try {
    await mustStillRun(run, skills)
    return undefined
  } catch (thrown) {
    return { kind: 'failed', error: errorOf(thrown) }
  }
}

async function take(run: StoredRun, deps: CarryDeps): Promise<Held | 'no room' | undefined> {
  const { ledger, holders, limits, instance } = deps
  const taking = { holder: holders.enter(), instance: instance(), limits }
  for (;;) {
    const held = await ledger.take(run, taking)
    if (held) return held
    const seen = await ledger.load(run.id)
    // It was changed since it was read, and whoever changed it has left a wake where it is to go on.
    if (!seen || seen.epoch !== run.epoch || !isToCarry(seen)) return undefined
    if (!(await holders.bury(ledger))) return 'no room'
  }
}

function isToCarry({ state, carriers }: StoredRun): boolean {
  return state === 'running' || state === 'waiting' || (state === 'cancelled' && carriers.length > 0)
}

/** A run whose next step is to be tried again later, and that nobody left in the middle of something. */
function sleepsUntil({ state, carriers, nodes }: StoredRun, now: number): number | undefined {
  if (state !== 'running' || carriers.length > 0) return undefined
  const dues = [...nodes.values()].flatMap(({ due, state: at }) => (due !== undefined && at === 'pending' ? [due] : []))
  const due = Math.min(...dues)
  return dues.length > 0 && due > now && due - now < MAX_SLEEP_MS ? due : undefined
}

// Longer than any backoff: the clock was set back, and the walk itself knows better.
const MAX_SLEEP_MS = 3_600_000

/** A step of a cancelled run: what would have been repeated is not. */
function givenUp(node: Node, now: number): Node {
  return node.state === 'pending' ? ended(node, 'cancelled', now) : node
}
