// Finds the workspace directory and decides whether it may be trusted; never follows a link to it, nor changes it.
import { lstatSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ClonedError } from 'cloned/kernel'

/** The name of a workspace's own directory. */
export const DIRECTORY = '.cloned'

/**
 * Finds the directory that holds `.cloned`: `root` itself when given, or the nearest one from `cwd` upward.
 * Answers its real path. Throws `WORKSPACE_MISSING`, and `WORKSPACE_UNSAFE` for a `.cloned` that is not to be trusted: the
 * search never goes on above a refused one.
 */
export function findWorkspace({ root, cwd }: { root?: string | undefined; cwd: string }): string {
  const from = resolve(cwd, root ?? '.')
  for (let at = from; ; at = dirname(at)) {
    if (lstatSync(join(at, DIRECTORY), { throwIfNoEntry: false })) {
      const real = realpathSync(at)
      refuseUnsafe(join(real, DIRECTORY))
      return real
    }
    if (root !== undefined || at === dirname(at)) throw new ClonedError('WORKSPACE_MISSING', { from })
  }
}

/** Throws `WORKSPACE_UNSAFE` for a `.cloned` through which somebody else could speak for its owner. */
function refuseUnsafe(path: string): void {
  const refuse = (problem: string) => new ClonedError('WORKSPACE_UNSAFE', { path, problem })
  const stat = lstatSync(path)
  if (stat.isSymbolicLink()) throw refuse('it is a symbolic link')
  if (!stat.isDirectory()) throw refuse('it is not a directory')
  // Windows has no uid and reports modes that mean nothing.
  if (process.getuid === undefined) return
  if (stat.uid !== process.getuid()) throw refuse('it belongs to another user')
  if ((stat.mode & 0o022) !== 0) throw refuse('others may write it')
  // Made with 0700, and nothing that unpacks or checks out a directory makes it so: a `.cloned` that came along with
  // somebody's files would bring that person's approvals and policy.
  if ((stat.mode & 0o077) !== 0) throw refuse('others may read it, so it was not made by `cloned init` for you')
}
