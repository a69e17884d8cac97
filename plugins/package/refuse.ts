// The one way in which a package is refused.
import { ClonedError } from 'cloned/kernel'

export function refused(problem: string, cause?: unknown): ClonedError {
  return new ClonedError('PACKAGE_INVALID', { problem }, cause === undefined ? {} : { cause })
}
