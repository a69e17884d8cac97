// Finds the nearest directory that holds `.cloned` and says what is wrong with it; imports nothing, so that a hook can ask early.
import { lstatSync, realpathSync, type Stats } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The name of a workspace's own directory. */
export const DIRECTORY = '.cloned'

/** Where a workspace is looked for. */
export interface Whereabouts {
  readonly root?: string | undefined
  readonly cwd: string
  /** The user's home directory; absent: there is no default workspace. */
  readonly home?: string | undefined
}

/** The real path of a directory that holds `.cloned`, and why that is not to be trusted. */
export interface Nearest {
  readonly root: string
  readonly problem: string | undefined
}

/**
 * `root` itself when given, or the nearest one from `cwd` upward, or the home directory: what is started by others, anywhere,
 * works in the user's default workspace. The search never goes on above one that is not to be trusted.
 */
export function nearestWorkspace({ root, cwd, home }: Whereabouts): Nearest | undefined {
  const above = search(resolve(cwd, root ?? '.'), root !== undefined)
  if (above || root !== undefined || home === undefined || home === '') return above
  return search(home, true)
}

function search(from: string, only: boolean): Nearest | undefined {
  for (let at = from; ; at = dirname(at)) {
    if (lstatSync(join(at, DIRECTORY), { throwIfNoEntry: false })) {
      const root = realpathSync(at)
      return { root, problem: problemOf(lstatSync(join(root, DIRECTORY))) }
    }
    if (only || at === dirname(at)) return undefined
  }
}

/** Why somebody else could speak for the owner of a `.cloned`. */
function problemOf(stat: Stats): string | undefined {
  if (stat.isSymbolicLink()) return 'it is a symbolic link'
  if (!stat.isDirectory()) return 'it is not a directory'
  // Windows has no uid and reports modes that mean nothing.
  if (process.getuid === undefined) return undefined
  if (stat.uid !== process.getuid()) return 'it belongs to another user'
  if ((stat.mode & 0o022) !== 0) return 'others may write it'
  // Made with 0700, and nothing that unpacks or checks out a directory makes it so: a `.cloned` that came along with
  // somebody's files would bring that person's approvals and policy.
  if ((stat.mode & 0o077) !== 0) return 'others may read it, so it was not made by `cloned init` for you'
  return undefined
}
