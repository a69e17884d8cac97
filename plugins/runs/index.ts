// Wires runs into a distribution: their store, their hooks, their configuration; decides nothing itself.
import {
  approvalsSlot,
  auditSlot,
  beforeAction,
  configSchema,
  definePlugin,
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
import { createLedger } from './ledger.js'
import { createRunner } from './runner.js'
import { runAsk, runsSlot } from './slot.js'
import { MIGRATIONS } from './tables.js'
import { EVENT_TYPES } from './told.js'

// Parts for an owner of the slot that keeps runs elsewhere: its own ledger, and the runner that works with any.
export {
  type Change,
  type Held,
  hasEnded,
  type Leaving,
  type Ledger,
  type Limits,
  QUEUE,
  type Taking,
} from './ledger.js'
export { createRunner, type Runner, type RunnerParts } from './runner.js'
export * from './slot.js'
export type { Node, StoredRun } from './tables.js'

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
    const { store, events, workspace } = deps
    const { patienceMs, maxRuns = 16, maxRunsOfPipeline = maxRuns, maxCallsOfConnector } = config ?? {}
    const runner = createRunner({
      ...deps,
      ledger: (changed) => createLedger(store, now, changed, events),
      directory: () => workspace.path('runs'),
      limits: { workspace: maxRuns, pipeline: maxRunsOfPipeline },
      maxCallsOfConnector,
      patienceMs,
      now,
      log,
    })
    hooks.guard(beforeAction, runner.judge)
    actions.execute(runAsk, runner.question)
    hooks.observe(onApprovalDecided, runner.decided)
    hooks.observe(onReady, runner.ready)
    onStart(async () => {
      await store.migrate('cloned.runs', MIGRATIONS)
      runner.start()
    })
    onDrain(runner.drain)
    onStop(runner.stop)
    const { runs, commands, routes, provenance } = runner
    return { runs, commands, routes, provenance, types: EVENT_TYPES }
  },
})
