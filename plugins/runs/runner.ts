// Carries out the runs that a ledger keeps, whichever it is; must never know of a run what the ledger does not.
import {
  type Action,
  type ApprovalRequest,
  type Approvals,
  type Ask,
  type AuditLog,
  type Deny,
  describeThrown,
  type Executor,
  type Gate,
  type Logger,
} from 'cloned/kernel'
import type { ApiPart } from '../api/slot.js'
import type { Artifacts, ProvenanceSource } from '../artifacts/slot.js'
import type { Command } from '../cli/slot.js'
import type { Policy } from '../policy/slot.js'
import type { Skills } from '../skills/slot.js'
import type { Store } from '../store/slot.js'
import { ActiveRuns, describeProvenance, isRun, runIdOf } from './active.js'
import { type CarryDeps, carry } from './carry.js'
import { runCommands } from './commands.js'
import { type FollowDeps, follow, waitsForPerson } from './follow.js'
import { judgeActor } from './guard.js'
import { Hands } from './hands.js'
import { Holders } from './holders.js'
import { Lanes } from './lanes.js'
import type { Ledger, Limits } from './ledger.js'
import { Progress } from './progress.js'
import { Pursuits } from './pursuits.js'
import { QUESTION } from './question.js'
import { runsPart } from './routes.js'
import { createRuns } from './runs.js'
import type { RunQuestion, Runs } from './slot.js'

/** What runs are carried out with. */
export interface RunnerParts {
  /** Makes the ledger, which calls `changed` after every write to a run. Called once. */
  readonly ledger: (changed: (run: string) => void) => Ledger
  /** Whose wakes of queue `QUEUE` advance runs. */
  readonly store: Pick<Store, 'work'>
  readonly gate: Gate
  readonly skills: Skills
  readonly audit: Pick<AuditLog, 'append' | 'calls'>
  readonly approvals: Approvals | undefined
  /** Keeps outputs that are too large for the ledger; without it a step with such an output fails. */
  readonly artifacts?: Pick<Artifacts, 'get'> | undefined
  readonly policy: Pick<Policy, 'snapshot'> | undefined
  /** A directory of its own, asked for from `start` on; who holds runs has a lock file there. */
  readonly directory: () => string
  /** Default: 16 of each. */
  readonly limits?: Limits
  /** Calls under way to the tools of one connector, in this process. Default: 8. */
  readonly maxCallsOfConnector?: number | undefined
  /** How long `drain` waits for what this process has set going, milliseconds. Default: 20,000. */
  readonly patienceMs?: number | undefined
  readonly now: () => number
  readonly log: Logger
}

/** What the owner of the slot hands to the kernel: handlers to register, steps of its life, and what it contributes. */
export interface Runner {
  readonly runs: Runs
  /** For `hooks.guard(beforeAction, …)`: without it anybody could act as a run. */
  readonly judge: (action: Action) => Ask | Deny | undefined
  /** For `actions.execute(runAsk, …)`. */
  readonly question: Executor<RunQuestion, { approved: true }>
  /** For `hooks.observe(onApprovalDecided, …)`: what waited for it goes on. */
  readonly decided: (request: ApprovalRequest) => void
  /** For `hooks.observe(onReady, …)`: nothing is advanced before. */
  readonly ready: (kernel: { readonly instance: string }) => void
  /** For `onStart`, once the ledger can be used. */
  readonly start: () => void
  /** For `onDrain`. */
  readonly drain: () => Promise<void>
  /** For `onStop`. */
  readonly stop: () => Promise<void>
  readonly commands: readonly Command[]
  readonly routes: readonly ApiPart[]
  readonly provenance: readonly ProvenanceSource[]
}

/** Makes what carries out runs. Does no input or output until `start`. */
export function createRunner(parts: RunnerParts): Runner {
  const { store, gate, skills, audit, approvals, artifacts, policy, patienceMs, now, log } = parts
  const active = new ActiveRuns()
  const progress = new Progress()
  const ledger = parts.ledger((id) => progress.changed(id))
  const holders = new Holders(parts.directory)
  const fresh = new Set<string>()
  const tool = (id: string) => gate.tools().find((known) => known.id === id)
  let instance = ''
  const carrying: CarryDeps = {
    ...{ ledger, gate, skills, audit, approvals, artifacts, active, holders, now, log, tool },
    lanes: new Lanes(parts.maxCallsOfConnector ?? 8),
    limits: parts.limits ?? { workspace: 16, pipeline: 16 },
    instance: () => instance,
    isFresh: (id) => fresh.delete(id),
  }
  const hands = new Hands({
    carry: (id, hand) => carry(id, hand, carrying),
    moved: (id) => progress.moved(id),
    cancelled: () => ledger.cancelled(holders.enter()),
    failed: (error) => log.error('whether runs were cancelled could not be read', { cause: describeThrown(error) }),
  })
  const following: FollowDeps = { ledger, approvals, progress, holds: (id) => hands.holds(id) }
  const pursuits = new Pursuits(
    (id) => follow(id, following, { untilSleep: true }),
    (run, error) => log.error('a run could not be followed', { run, cause: describeThrown(error) }),
  )
  const runs = createRuns({
    ...{ ledger, gate, skills, audit, approvals, active, now, tool },
    follow: (id, how) => follow(id, following, how),
    waits: (id) => waitsForPerson(id, following),
    pursue: (id) => pursuits.add(id),
    fresh: (id) => fresh.add(id),
    moved: (id) => progress.moved(id),
    interrupt: (id) => hands.interrupt(id),
  })
  const selfDecision = () => policy?.snapshot().approvals.selfDecision ?? false
  return {
    runs,
    judge: (action) => judgeActor(active, action),
    question: { input: QUESTION, execute: () => ({ approved: true as const }) },
    decided({ action: { actor } }) {
      if (isRun(actor) && !actor.claimed) pursuits.add(runIdOf(actor), () => ledger.wake(runIdOf(actor)))
    },
    ready(kernel) {
      instance = kernel.instance
      hands.ready()
    },
    start: () => hands.work(store),
    async drain() {
      const left = await pursuits.settled(patienceMs)
      if (left.length > 0)
        log.warn('runs are left where they stand; they go on with: cloned runs resume', { runs: left })
      await hands.leave()
    },
    async stop() {
      await hands.leave()
      holders.leave()
    },
    commands: runCommands(runs, { gate, skills, approvals, selfDecision }),
    routes: [runsPart(runs)],
    provenance: [{ describe: (call) => describeProvenance(active, call) }],
  }
}
