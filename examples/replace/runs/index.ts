// Runs that are carried out step by step by the process that started them, in the place of the built-in ones; it only wires.
import {
  approvalsSlot,
  auditSlot,
  beforeAction,
  definePlugin,
  describeThrown,
  gateSlot,
  optional,
  privateDirectory,
} from 'cloned/kernel'
import { provenanceCollection } from 'cloned/plugins/artifacts'
import { commandsCollection } from 'cloned/plugins/cli'
import { policySlot } from 'cloned/plugins/policy'
import {
  ActiveRuns,
  describeProvenance,
  judgeActor,
  QUESTION,
  runAsk,
  runCommands,
  runsSlot,
} from 'cloned/plugins/runs'
import { skillsSlot } from 'cloned/plugins/skills'
import { storeSlot } from 'cloned/plugins/store'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { Hands } from './hands.js'
import { MIGRATIONS, Rows } from './rows.js'
import { createRuns } from './runs.js'
import { walkRun } from './walk.js'

/** List it, and say so: `replace: { 'cloned.runs': 'acme.runs' }`. */
export default definePlugin({
  id: 'acme.runs',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Carries out pipelines one step at a time, each run as one row of the store.',
  requires: {
    store: storeSlot,
    skills: skillsSlot,
    gate: gateSlot,
    audit: auditSlot,
    workspace: workspaceSlot,
    approvals: optional(approvalsSlot),
    policy: optional(policySlot),
  },
  provides: { runs: runsSlot },
  contributes: { commands: commandsCollection, provenance: provenanceCollection },
  taps: [beforeAction],
  executes: [runAsk],
  setup({ deps, hooks, actions, onStart, onDrain, now, log }) {
    const { store, skills, gate, audit, workspace, approvals, policy } = deps
    const active = new ActiveRuns()
    const tool = (id: string) => gate.tools().find((known) => known.id === id)
    const rows = new Rows(store, now)
    const hands = new Hands({
      rows,
      active,
      lockFile: (id) => workspace.path('acme-runs', id),
      walk: (run, hand) => walkRun(run, hand, { gate, skills, approvals, now }),
      failed: (run, error) => log.error('a run could not be carried on', { run, cause: describeThrown(error) }),
    })
    const runs = createRuns({ rows, hands, gate, skills, audit, approvals, active, tool, now })

    // Nobody but a run in hand acts as a run, and what a run asks is always asked.
    hooks.guard(beforeAction, (action) => judgeActor(active, action))
    actions.execute(runAsk, { input: QUESTION, execute: () => ({ approved: true as const }) })
    onStart(async () => {
      privateDirectory(workspace.path('acme-runs'))
      await store.migrate('acme.runs', MIGRATIONS)
    })
    onDrain(() => hands.leave())
    return {
      runs,
      commands: runCommands(runs, {
        gate,
        skills,
        approvals,
        selfDecision: () => policy?.snapshot().approvals.selfDecision ?? false,
      }),
      provenance: [{ describe: (call) => describeProvenance(active, call) }],
    }
  },
})
