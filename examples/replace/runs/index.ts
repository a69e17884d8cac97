// Runs that are kept as one text each, in the place of the built-in ones; it only wires, and what carries them out stays.
import {
  approvalsSlot,
  auditSlot,
  beforeAction,
  definePlugin,
  gateSlot,
  onApprovalDecided,
  onReady,
  optional,
} from 'cloned/kernel'
import { provenanceCollection } from 'cloned/plugins/artifacts'
import { commandsCollection } from 'cloned/plugins/cli'
import { policySlot } from 'cloned/plugins/policy'
import { createRunner, runAsk, runsSlot } from 'cloned/plugins/runs'
import { skillsSlot } from 'cloned/plugins/skills'
import { storeSlot } from 'cloned/plugins/store'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { createLedger, MIGRATIONS } from './ledger.js'

/** List it, and say so: `replace: { 'cloned.runs': 'acme.runs' }`. */
export default definePlugin({
  id: 'acme.runs',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Carries out pipelines, each run kept as one text in the store.',
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
  taps: [beforeAction, onApprovalDecided, onReady],
  executes: [runAsk],
  setup({ deps, hooks, actions, onStart, onDrain, onStop, now, log }) {
    const { store, workspace } = deps
    const ledger = (changed: (run: string) => void) => createLedger(store, now, changed)
    const runner = createRunner({ ...deps, ledger, directory: () => workspace.path('acme-runs'), now, log })
    hooks.guard(beforeAction, runner.judge)
    actions.execute(runAsk, runner.question)
    hooks.observe(onApprovalDecided, runner.decided)
    hooks.observe(onReady, runner.ready)
    onStart(async () => {
      await store.migrate('acme.runs', MIGRATIONS)
      runner.start()
    })
    onDrain(runner.drain)
    onStop(runner.stop)
    const { runs, commands, provenance } = runner
    return { runs, commands, provenance }
  },
})
