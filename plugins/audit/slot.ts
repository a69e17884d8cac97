// Names the list of places that can keep a checkpoint of the log; interface and token only.
import { collection } from 'cloned/kernel'

/** A place outside of the workspace that remembers checkpoints, so that a log that was rewritten is noticed. */
export interface Anchor {
  /** Lower-case letters, digits and `-`; the configuration of `cloned.audit` names it. Nothing is sent to one it does not name. */
  readonly id: string
  /**
   * Keeps a signed note (C2SP checkpoint, about 300 bytes, no secret). Resolves once it is kept for good, with what
   * proves that, if anything, at most 1,000 characters. Must reject when it holds a larger checkpoint of the same log.
   */
  submit(note: string, signal: AbortSignal): Promise<string | undefined>
}

export const anchorsCollection = collection<Anchor>('cloned.audit-anchors', { contract: 1 })
