// Marks the store before calls take from it; a call must never take from a store that the log does not name.
import { type AuditLog, ClonedError, describeThrown, type Reserve, type TakeAnswer, type ToolCall } from 'cloned/kernel'
import { MARK, problemWith } from './binding.js'
import type { IdentityRow } from './identity.js'

/** An old copy that was made after the last mark is not noticed, so a busy process marks this often, milliseconds. */
export const MARK_MS = 60_000

export interface MarksParts {
  readonly identity: IdentityRow
  readonly audit: Pick<AuditLog, 'append' | 'latest'>
  readonly now: () => number
}

/**
 * The first call of a process marks, and one a minute later on. What every call takes is the mark it runs under: intents
 * then tell which calls an old copy of the store has forgotten. Nothing of it has to be given back.
 */
export function createMarks({ identity, audit, now }: MarksParts): Reserve<ToolCall> {
  const none: TakeAnswer = Object.freeze({ ok: true, token: null })
  const settled = Promise.resolve()
  let current: { readonly at: number; readonly answer: TakeAnswer } | undefined
  let marking: Promise<TakeAnswer> | undefined

  async function mark(): Promise<TakeAnswer> {
    const problem = await problemWith(identity, audit)
    if (problem) return refused(problem)
    const marked = await identity.mark()
    try {
      await audit.append({ type: MARK, ts: new Date(now()).toISOString(), ...marked })
    } catch (error) {
      return refused(new ClonedError('AUDIT_UNWRITABLE', { cause: describeThrown(error) }))
    }
    current = { at: now(), answer: Object.freeze({ ok: true, token: marked.mark }) }
    return current.answer
  }

  return {
    peek: async () => none,
    take() {
      if (current && Math.abs(now() - current.at) < MARK_MS) return current.answer
      marking ??= mark().finally(() => {
        marking = undefined
      })
      return marking
    },
    settle: () => settled,
    unsettled: async () => [],
    settledUpTo: async () => 0,
    restore: async () => undefined,
  }
}

function refused({ message: reason, code, help }: ClonedError): TakeAnswer {
  return { ok: false, reason, code, help }
}
