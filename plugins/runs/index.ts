// Wires runs into a distribution: their store, their hands, their guards; decides nothing itself.
import {
  approvalsSlot,
  auditSlot,
  beforeAction,
  beforeToolCall,
  configSchema,
  definePlugin,
  describeThrown,
  gateSlot,
  onApprovalDecided,
  onReady,
  optional,
} from 'cloned/kernel'
import { provenanceCollection } from '../artifacts/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { policySlot } from '../policy/slot.js'
import { skillsSlot } from '../skills/slot.js'
import { storeSlot } from '../store/slot.js'
import { ActiveRuns, describeProvenance, isRun, runIdOf } from './active.js'
import { runCommands } from './commands.js'
import { judgeActor, judgeTool } from './constitution.js'
import { advance } from './engine.js'
import { Hands } from './hands.js'
import { createLedger } from './ledger.js'
import { Progress } from './progress.js'
import { Pursuits } from './pursuits.js'
import { createRuns } from './runs.js'
import { follow } from './settle.js'
import { runsSlot } from './slot.js'
import { MIGRATIONS } from './tables.js'

export * from './slot.js'

/** Configuration of `cloned.runs`. */
export interface RunsPluginConfig {
  /**
   * How long a stopping process waits for the runs that it started or woke, milliseconds; default 20,000. Below
   * `limits.drainMs`, so that a call in hand still has time to stop. What is left goes on with `cloned runs resume`.
   */
  readonly patienceMs?: number
}

const config = configSchema<RunsPluginConfig>({
  type: 'object',
  additionalProperties: false,
  properties: { patienceMs: { type: 'integer', minimum: 0, maximum: 3_600_000 } },
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
    approvals: optional(approvalsSlot),
    policy: optional(policySlot),
  },
  provides: { runs: runsSlot },
  contributes: { commands: commandsCollection, provenance: provenanceCollection },
  taps: [beforeAction, beforeToolCall, onApprovalDecided, onReady],
  config,
  setup({ deps, config, hooks, onStart, onDrain, onStop, now, log }) {
    const { store, skills, gate, audit, approvals, policy } = deps
    const active = new ActiveRuns()
    const progress = new Progress()
    const changed = (id: string) => progress.changed(id)
    const ledger = createLedger(store, now, changed)
    let instance: string | undefined
    const engine = { ledger, gate, skills, audit, approvals, active, instance: () => instance }
    const hands = new Hands((id, hand) => advance(id, hand, engine), changed)
    const following = { ledger, approvals, progress, holds: (id: string) => hands.holds(id) }
    const pursuits = new Pursuits(
      (id) => follow(id, following),
      (run, error) => log.error('a run could not be followed', { run, cause: describeThrown(error) }),
    )
    const runs = createRuns({
      ledger,
      gate,
      skills,
      audit,
      approvals,
      active,
      now,
      follow: (id, onStep) => follow(id, following, onStep),
      pursue: (id) => pursuits.add(id),
      interrupt: (id) => hands.interrupt(id),
    })

    hooks.guard(beforeAction, (action) => judgeActor(active, action))
    hooks.guard(beforeToolCall, (call) => judgeTool(active, call))
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
      const left = await pursuits.settled(config?.patienceMs)
      if (left.length > 0)
        log.warn('runs are left where they stand; they go on with: cloned runs resume', { runs: left })
      await hands.leave()
    })
    onStop(() => hands.leave())
    return {
      runs,
      commands: runCommands(runs, {
        gate,
        approvals,
        selfDecision: () => policy?.snapshot().approvals.selfDecision ?? false,
      }),
      provenance: [{ describe: (call) => describeProvenance(active, call) }],
    }
  },
})
