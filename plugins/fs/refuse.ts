// Words the refusals of the file tools; a refusal always says that nothing was done.
import { ClonedError, type ErrorCode, fail, HandlerError } from 'cloned/kernel'

type FsCode = Extract<ErrorCode, `FS_${string}`>

/** A failure without effect, worded by the error table. */
export function refuse<C extends FsCode>(code: C, params: ClonedError<C>['params']): HandlerError {
  const { message, help } = new ClonedError(code, params)
  return fail(message, { code, help })
}

/** A refused path and why. */
export function refusePath(path: string, reason: string): HandlerError {
  return refuse('FS_PATH_REFUSED', { path: shown(path), reason })
}

/** A path as messages show it: quoted, control characters escaped, never longer than a line. */
export function shown(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path)
}

/** The error code of a failed system call, or what else was thrown. */
export function errnoOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : String(error)
}

/** The refusal that a step threw, if it threw one. */
export function refusalIn(step: () => unknown): HandlerError | undefined {
  try {
    step()
    return undefined
  } catch (error) {
    if (error instanceof HandlerError) return error
    throw error
  }
}
