// Wires the embedded store to a workspace; must never open it before the start.
import { definePlugin } from 'cloned/kernel'
import { doctorChecksCollection } from '../doctor/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { integrityCheck } from './check.js'
import { storeSlot } from './slot.js'
import { createStore } from './store.js'

// Parts for an owner of the slot with another file, or another engine that speaks SQLite.
export { statementFault } from './faults.js'
export { appliedSteps } from './migrate.js'
export * from './slot.js'
export { checkArguments, type Purpose, type Translated, translate } from './statement.js'
export { createStore, type EmbeddedStore, type StoreOptions } from './store.js'
export { createWakes, type WakeParts, type WakeWork } from './wake-work.js'

/** Owns `.cloned/state.db`. */
export const storePlugin = definePlugin({
  id: 'cloned.store',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Keeps state in an embedded SQLite file, durable and shared by every process of the workspace.',
  requires: { workspace: workspaceSlot },
  provides: { store: storeSlot },
  contributes: { checks: doctorChecksCollection },
  setup({ deps, onStart, onDrain, onStop, log, now }) {
    const store = createStore({ path: () => deps.workspace.path('state.db'), now, log })
    onStart(() => store.open())
    onDrain(() => store.drain())
    onStop(() => store.close())
    return { store, checks: [integrityCheck(store)] }
  },
})
