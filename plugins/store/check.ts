// Decides what doctor says of the store; must never repair it.
import type { DoctorCheck } from '../doctor/slot.js'
import type { EmbeddedStore } from './store.js'

/** Reads the whole store and looks for damage. */
export function integrityCheck(store: Pick<EmbeddedStore, 'inspect'>): DoctorCheck {
  return {
    id: 'store.integrity',
    async run() {
      const problems = await store.inspect()
      if (problems.length === 0) return { level: 'ok', message: 'the store is intact' }
      return {
        level: 'fail',
        message: `the store is damaged: ${problems.slice(0, 3).join('; ')}`,
        fix: 'Stop every process that uses the workspace, then restore .cloned/state.db from a backup. Without one, move it away, then: cloned store adopt',
      }
    },
  }
}
