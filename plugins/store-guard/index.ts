// Denies every call while the store is not the one that the audit log names; must never repair either side.
import { auditSlot, beforeAction, definePlugin, deny, gateSlot, policyWrite, reserveToolCall } from 'cloned/kernel'
import { commandsCollection } from '../cli/slot.js'
import { type DoctorCheck, doctorChecksCollection } from '../doctor/slot.js'
import { storeSlot } from '../store/slot.js'
import { storeAdopt, storeAdopter } from './adopt.js'
import { examine, problemWith } from './binding.js'
import { storeAdoptCommand } from './command.js'
import { createIdentity } from './identity.js'
import { createMarks } from './marks.js'

export { type StoreAdopt, storeAdopt } from './adopt.js'

/** The two steps out of a lost store are votes of their own: each asks, and is recorded. */
const WAYS_OUT: ReadonlySet<string> = new Set([storeAdopt.id, policyWrite.id])

/** Notices a store that was lost, replaced or put back from an old copy. Works with any store and any audit log. */
export const storeGuardPlugin = definePlugin({
  id: 'cloned.store-guard',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Denies every call while the store is not the one that the audit log names.',
  requires: { store: storeSlot, audit: auditSlot, gate: gateSlot },
  contributes: { commands: commandsCollection, checks: doctorChecksCollection },
  taps: [beforeAction, reserveToolCall],
  executes: [storeAdopt],
  setup({ deps: { store, audit, gate }, hooks, actions, onStart, now }) {
    const identity = createIdentity(store)
    // A process keeps the store open that it has found sound, whatever takes its place in the directory; marks look again.
    let isSound = false
    onStart(() => identity.migrate())
    const judge = async () => {
      const problem = await problemWith(identity, audit)
      isSound = problem === undefined
      return problem && deny(problem.message, { code: problem.code, help: problem.help })
    }
    hooks.guard(beforeAction, ({ kind }) => (isSound || WAYS_OUT.has(kind) ? undefined : judge()))
    hooks.reserve(reserveToolCall, createMarks({ identity, audit, now }))
    actions.execute(storeAdopt, storeAdopter(identity, audit, now))
    const check: DoctorCheck = {
      id: 'store.identity',
      async run() {
        const problem = await problemWith(identity, audit)
        if (!problem) return { level: 'ok', message: 'the store is the one that the audit log names' }
        return { level: 'fail', message: `every call is denied: ${problem.message}`, fix: problem.help }
      },
    }
    return { commands: [storeAdoptCommand({ gate, examine: () => examine(identity, audit) })], checks: [check] }
  },
})
