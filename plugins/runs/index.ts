// Wires runs into a distribution: their store, their hands, their guard; decides nothing itself.
import {
  approvalsSlot,
  auditSlot,
  beforeAction,
  configSchema,
  definePlugin,
  describeThrown,
  gateSlot,
  onApprovalDecided,
  onReady,
  optional,
} from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { artifactsSlot, provenanceCollection } from '../artifacts/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { eventsSlot, eventTypesCollection } from '../events/slot.js'
import { policySlot } from '../policy/slot.js'
import { skillsSlot } from '../skills/slot.js'
import { storeSlot } from '../store/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { ActiveRuns, describeProvenance, isRun, runIdOf } from './active.js'
import { type CarryDeps, carry } from './carry.js'
import { runCommands } from './commands.js'
import { type FollowDeps, follow, waitsForPerson } from './follow.js'
import { judgeActor } from './guard.js'
import { Hands } from './hands.js'
import { Holders } from './holders.js'
import { Lanes } from './lanes.js'
import { createLedger } from './ledger.js'
import { Progress } from './progress.js'
import { Pursuits } from './pursuits.js'
import { QUESTION } from './question.js'
import { runsPart } from './routes.js'
import { createRuns } from './runs.js'
import { runAsk, runsSlot } from './slot.js'
import { MIGRATIONS } from './tables.js'
import { EVENT_TYPES } from './told.js'

// Parts for an owner of the slot that keeps runs elsewhere, or carries them out in another way.
export { ActiveRuns, actorOf, describeProvenance, keyOf } from './active.js'
export { runCommands } from './commands.js'
export { errorOf } from './errors.js'
export { judgeActor } from './guard.js'
export { mustStillRun, newRun, personOf, prepareRun } from './prepare.js'
export { previewRun } from './preview.js'
export { QUESTION } from './question.js'
export { repeated, settledByPerson, takenOver } from './repair.js'
export { withdraw } from './requests.js'
export * from './slot.js'
export type { Node, StoredRun } from './tables.js'
export { publicRun } from './view.js'
export { fitInputs } from './walk.js'

/** Configuration of `cloned.runs`. */
export interface RunsPluginConfig {
  /**
   * How long a stopping process waits for the runs that it started or woke, milliseconds; default 20,000. Below
   * `limits.drainMs`, so that a call in hand still has time to stop. What is left goes on with `cloned runs resume`.
   */
  readonly patienceMs?: number
  /** How many runs are in hand at once, in all processes of the workspace; the others wait for room. Default: 16. */
  readonly maxRuns?: number
  /** The same for one pipeline. Default: as many as of all. */
  readonly maxRunsOfPipeline?: number
  /** How many calls of runs to the tools of one connector are under way at once in this process. Default: 8. */
  readonly maxCallsOfConnector?: number
}

const count = { type: 'integer', minimum: 1, maximum: 10_000 }
const config = configSchema<RunsPluginConfig>({
  type: 'object',
  additionalProperties: false,
  properties: {
    patienceMs: { type: 'integer', minimum: 0, maximum: 3_600_000 },
    maxRuns: count,
    maxRunsOfPipeline: count,
    maxCallsOfConnector: count,
  },
})

/** Durable execution of pipelines. */
export const runsPlugin = definePlugin({
  id: 'cloned.runs',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Runs pipelines step by step, durable across processes, each call held to the pipeline',
  requires: {
    store: storeSlot,
    skills: skillsSlot,
    gate: gateSlot,
    audit: auditSlot,
    workspace: workspaceSlot,
    approvals: optional(approvalsSlot),
    artifacts: optional(artifactsSlot),
    policy: optional(policySlot),
    events: optional(eventsSlot),
  },
  provides: { runs: runsSlot },
  contributes: {
    commands: commandsCollection,
    routes: routesCollection,
    provenance: provenanceCollection,
    types: eventTypesCollection,
  },
  taps: [beforeAction, onApprovalDecided, onReady],
  executes: [runAsk],
  config,
  setup({ deps, config, hooks, actions, onStart, onDrain, onStop, now, log }) {
    const { store, skills, gate, audit, workspace, approvals, artifacts, policy, events } = deps
    const { patienceMs, maxRuns = 16, maxRunsOfPipeline = maxRuns, maxCallsOfConnector = 8 } = config ?? {}
    const active = new ActiveRuns()
    const progress = new Progress()
    const ledger = createLedger(store, now, (id) => progress.changed(id), events)
    const holders = new Holders(() => workspace.path('runs'))
    const fresh = new Set<string>()
    const tool = (id: string) => gate.tools().find((known) => known.id === id)
    let instance = ''
    const carrying: CarryDeps = {
      ...{ ledger, gate, skills, audit, approvals, artifacts, active, holders, now, log, tool },
      lanes: new Lanes(maxCallsOfConnector),
      limits: { workspace: maxRuns, pipeline: maxRunsOfPipeline },
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

    hooks.guard(beforeAction, (action) => judgeActor(active, action))
    actions.execute(runAsk, { input: QUESTION, execute: () => ({ approved: true as const }) })
    hooks.observe(onApprovalDecided, ({ action: { actor } }) => {
      if (isRun(actor) && !actor.claimed) pursuits.add(runIdOf(actor), () => ledger.wake(runIdOf(actor)))
    })
    hooks.observe(onReady, (subject) => {
      instance = subject.instance
      hands.ready()
    })
    onStart(async () => {
      await store.migrate('cloned.runs', MIGRATIONS)
      hands.work(store)
    })
    onDrain(async () => {
      const left = await pursuits.settled(patienceMs)
      if (left.length > 0)
        log.warn('runs are left where they stand; they go on with: cloned runs resume', { runs: left })
      await hands.leave()
    })
    onStop(async () => {
      await hands.leave()
      holders.leave()
    })
    return {
      runs,
      commands: runCommands(runs, {
        gate,
        skills,
        approvals,
        selfDecision: () => policy?.snapshot().approvals.selfDecision ?? false,
      }),
      routes: [runsPart(runs)],
      provenance: [{ describe: (call) => describeProvenance(active, call) }],
      types: EVENT_TYPES,
    }
  },
})
