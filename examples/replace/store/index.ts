// A store with a rollback journal in the place of the built-in one; it declares and wires, and opens nothing before start.
import { definePlugin } from 'cloned/kernel'
import { storeSlot } from 'cloned/plugins/store'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { JournalStore } from './store.js'

/** List it, and say so: `replace: { 'cloned.store': 'acme.store' }`. */
export default definePlugin({
  id: 'acme.store',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Keeps state in .cloned/acme.db, without files beside it while nothing is written.',
  requires: { workspace: workspaceSlot },
  provides: { store: storeSlot },
  setup({ deps: { workspace }, onStart, onDrain, onStop, log, now }) {
    const store = new JournalStore(() => workspace.path('acme.db'), now, log)
    onStart(() => store.open())
    onDrain(() => store.drain())
    onStop(() => store.close())
    return { store }
  },
})
