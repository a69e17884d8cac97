// The policy plugin: the visible baseline that votes on every action; must never let a change of itself pass unasked.
import {
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
import { commandsCollection } from '../cli/slot.js'
import { doctorChecksCollection } from '../doctor/slot.js'
import { storeSlot } from '../store/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { adoptCommand } from './adopt.js'
import { createAppliedOverlays } from './applied.js'
import { policyCheck } from './check.js'
import { compilePolicy } from './effective.js'
import { createPolicy, type LivePolicy } from './live.js'
import { showCommand } from './show.js'
import { type Policy, policySlot } from './slot.js'
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
  requires: { workspace: workspaceSlot, store: storeSlot, gate: gateSlot },
  provides: { policy: policySlot },
  contributes: { commands: commandsCollection, checks: doctorChecksCollection },
  taps: [beforeToolCall, beforeAction, onPolicyWrite, beforeSecretUse],
  executes: [policyWrite],
  setup({ deps: { workspace, store, gate }, hooks, actions, onStart, log, now }) {
    const applied = createAppliedOverlays(store)
    let live: LivePolicy | undefined
    const policy = (): LivePolicy => {
      if (!live) throw new ClonedError('KERNEL_STATE', { action: 'use the policy', state: 'starting' })
      return live
    }
    const name = () => `.cloned/policy/${workspace.config.type}.yaml`
    const path = () => workspace.path('policy', `${workspace.config.type}.yaml`)

    onStart(async () => {
      await applied.migrate()
      const opened = createPolicy({ pack: workspace.config.type, path: path(), name: name(), applied, log })
      await opened.start()
      live = opened
    })

    hooks.guard(beforeToolCall, (call) => vote(policy(), name(), call))
    hooks.guard(onPolicyWrite, (write) => vote(policy(), name(), write))
    hooks.guard(beforeAction, (action) =>
      action.kind === toolCall.id || action.kind === policyWrite.id ? undefined : vote(policy(), name(), action),
    )
    // An ask here is a denial: a handler that is running cannot wait for a person.
    hooks.guard(beforeSecretUse, ({ action, subject }) =>
      vote(policy(), name(), { ...action, kind: 'secret.use', target: subject.secret }),
    )
    actions.execute(
      policyWrite,
      policyWriter(() => ({
        policy: policy(),
        applied,
        pack: workspace.config.type,
        path: path(),
        name: name(),
        now,
      })),
    )

    const service: Policy = {
      snapshot: () => policy().snapshot(),
      decide: (action) => {
        const { answer, rule } = policy().decide(action)
        return { answer, rule }
      },
      preview: (overlay) => compilePolicy(workspace.config.type, overlay, name()).content,
    }
    return {
      policy: service,
      commands: [showCommand({ policy, name, gate }), adoptCommand({ policy, name, gate })],
      checks: [policyCheck({ policy, name })],
    }
  },
})
