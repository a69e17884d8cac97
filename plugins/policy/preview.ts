// Shows what a policy write would change in the overlay, for the person who is asked; it puts nothing in force.
import { type PolicyWrite, policyWrite } from 'cloned/kernel'
import type { Previewer } from '../approvals/slot.js'
import type { AppliedOverlays } from './applied.js'

/** The preview of policy writes: against the overlay that they were prepared for. */
export function writePreview(applied: Pick<AppliedOverlays, 'text'>, name: () => string): Previewer {
  return {
    kind: policyWrite.id,
    async preview({ input }) {
      const { content, previous } = input as PolicyWrite
      const before = previous === null ? undefined : await applied.text(previous)
      if (previous !== null && before === undefined)
        throw new Error('the overlay that it would replace is not kept here')
      return {
        change: { what: name(), before, after: content },
        rollback: 'cloned policy history, then: cloned policy revert CHANGE',
      }
    },
  }
}
