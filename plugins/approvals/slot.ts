// Names what other plugins may add to approvals: previews for the person who decides, and the moment of an escalation.
import { type ApprovalRequest, collection, defineHook, type StoredAction } from 'cloned/kernel'

/** What an action would do, for the person who decides. It is shown escaped and scrubbed, and decides nothing. */
export interface Preview {
  /** Text before and after; shown as a difference, line by line. `before` is `undefined` for what does not exist yet. */
  readonly change?: { readonly what: string; readonly before: string | undefined; readonly after: string }
  /** How to undo it afterwards, or that it cannot be undone. One sentence. */
  readonly rollback?: string
}

/** Looks at the world as it is now, when a request is shown. It must not change anything. */
export interface Previewer {
  /** Kind of action. */
  readonly kind: string
  /** Its target, a tool id for calls; every target when absent. */
  readonly target?: string
  /** `undefined`: there is nothing to say. A failure is shown as "no preview", with its reason. */
  preview(action: StoredAction): Promise<Preview | undefined>
}

export const previewsCollection = collection<Previewer>('cloned.approval-previews', { contract: 1 })

/** A request that waited so long that another role may decide it too. */
export interface Escalation {
  readonly request: ApprovalRequest
  /** The role that joins. */
  readonly role: string
}

/** Hears that a request was escalated; channels tell the people of the role. */
export const onApprovalEscalated = defineHook.observe<Escalation, 'onApprovalEscalated'>('onApprovalEscalated')
