// The policy plugin: the visible baseline that votes on every action; must never let a change of itself pass unasked.
import {
  type Action,
  auditSlot,
  beforeAction,
  beforeSecretUse,
  beforeToolCall,
  ClonedError,
  definePlugin,
  gateSlot,
  onPolicyWrite,
  policyWrite,
  toolCall,
} from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { previewsCollection } from '../approvals/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { doctorChecksCollection } from '../doctor/slot.js'
import { storeSlot } from '../store/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { adoptCommand } from './adopt.js'
import { createAppliedOverlays } from './applied.js'
import { policyCheck } from './check.js'
import { diffCommand, validateCommand } from './compare-commands.js'
import { compilePolicy } from './effective.js'
import { historyCommand, newestChanges, revertCommand } from './history-commands.js'
import { Ledger } from './ledger.js'
import { createPolicy, type LivePolicy } from './live.js'
import { writePreview } from './preview.js'
import { replayCommand } from './replay-command.js'
import { policyPart } from './routes.js'
import { showCommand } from './show.js'
import { egressJudgesCollection, type Policy, policySlot } from './slot.js'
import { testCommand } from './test-command.js'
import { vote } from './votes.js'
import { policyWriter } from './write.js'

export { createPolicy } from './live.js'
export * from './slot.js'

/** Owns the policy: built-in packs, one approved overlay per workspace, and the execution of policy writes. */
export const policyPlugin = definePlugin({
  id: 'cloned.policy',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Votes allow, ask or deny by the policy pack of the workspace and its approved overlay.',
  requires: { workspace: workspaceSlot, store: storeSlot, audit: auditSlot, gate: gateSlot },
  provides: { policy: policySlot },
  owns: { judges: egressJudgesCollection },
  contributes: {
    commands: commandsCollection,
    routes: routesCollection,
    checks: doctorChecksCollection,
    previews: previewsCollection,
  },
  taps: [beforeToolCall, beforeAction, onPolicyWrite, beforeSecretUse],
  executes: [policyWrite],
  setup({ deps: { workspace, store, audit, gate }, collected, hooks, actions, onStart, onDrain, log, now }) {
    const applied = createAppliedOverlays(store)
    let opened: { readonly live: LivePolicy; readonly ledger: Ledger } | undefined
    const parts = () => {
      if (!opened) throw new ClonedError('KERNEL_STATE', { action: 'use the policy', state: 'starting' })
      return opened
    }
    const policy = () => parts().live
    const pack = () => workspace.config.type
    const name = () => `.cloned/policy/${pack()}.yaml`
    const path = () => workspace.path('policy', `${pack()}.yaml`)
    const voted = (action: Action) => vote({ policy: policy(), name: name(), pack: pack() }, action)

    const judges = () => collected.judges().map(({ item }) => item)
    const changing = { policy, name, pack, gate, applied }

    onStart(async () => {
      await applied.migrate()
      const place = { pack: pack(), path: path(), name: name() }
      const ledger = new Ledger({ ...place, applied, audit, lock: workspace.path('policy.lock'), now })
      const live = createPolicy({ ...place, ledger, log })
      await live.start()
      opened = { live, ledger }
    })

    onDrain(async () => {
      // A read under way needs the store; it says itself how it failed.
      await Promise.allSettled([opened?.live.reading()])
    })

    hooks.guard(beforeToolCall, voted)
    hooks.guard(onPolicyWrite, voted)
    hooks.guard(beforeAction, (action) =>
      action.kind === toolCall.id || action.kind === policyWrite.id ? undefined : voted(action),
    )
    // An ask here is a denial: a handler that is running cannot wait for a person.
    hooks.guard(beforeSecretUse, ({ action, subject }) =>
      voted({ ...action, kind: 'secret.use', target: subject.secret }),
    )
    actions.execute(
      policyWrite,
      policyWriter(() => {
        const { live, ledger } = parts()
        return { policy: live, ledger, audit, pack: pack(), path: path(), name: name() }
      }),
    )

    const service: Policy = {
      snapshot: () => policy().snapshot(),
      decide: (action) => {
        const { answer, rule } = policy().decide(action)
        return { answer, rule }
      },
      preview: (overlay) => compilePolicy(pack(), overlay, name()).content,
    }
    return {
      policy: service,
      commands: [
        showCommand({ policy, name, gate }),
        diffCommand({ policy, name, pack, judges }),
        validateCommand({ judges }),
        historyCommand(changing),
        adoptCommand(changing),
        revertCommand(changing),
        testCommand({ policy, judges, gate }),
        replayCommand({ audit, gate, judges }),
      ],
      routes: [policyPart({ policy, name, history: () => newestChanges(changing) })],
      checks: [policyCheck({ policy, name })],
      previews: [writePreview(applied, name)],
    }
  },
})
