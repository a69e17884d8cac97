// Makes what a run or a step says of a bad end; it words errors and decides nothing.
import { describeThrown, isClonedError } from 'cloned/kernel'
import type { RunError } from './slot.js'

/** Why a step came to a bad end. */
export function errorOf(thrown: unknown): RunError {
  if (isClonedError(thrown)) return { code: thrown.code, message: thrown.message, help: thrown.help }
  return { code: 'HANDLER_FAILED', message: describeThrown(thrown), help: 'See the record: cloned audit tail' }
}
