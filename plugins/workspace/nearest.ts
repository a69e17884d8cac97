// Finds the nearest directory that holds `.cloned` and says what is wrong with it; imports no kernel, so that a hook can ask early.
import { lstatSync, realpathSync, type Stats } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { notedId } from './notes.js'

/** The name of a workspace's own directory. */
export const DIRECTORY = '.cloned'

/** Where a workspace is looked for. */
export interface Whereabouts {
  readonly root?: string | undefined
  readonly cwd: string
  /** The user's home directory; absent: there is no default workspace. */
  readonly home?: string | undefined
  /** The user's configuration directory, where the workspaces that they made are noted. */
  readonly configHome: string
}

/** The real path of a directory that holds `.cloned`, and why that is not to be trusted. */
export interface Nearest {
  readonly root: string
  readonly problem: string | undefined
  /** Id of the workspace that the user made in this place; only that one may be used without being named. */
  readonly noted: string | undefined
}

/**
 * `root` itself when given, or the nearest one from `cwd` upward, or the home directory: what is started by others, anywhere,
 * works in the user's default workspace. The search never goes on above one that is not to be trusted.
 */
export function nearestWorkspace({ root, cwd, home, configHome }: Whereabouts): Nearest | undefined {
  const above = search(resolve(cwd, root ?? '.'), root !== undefined, configHome)
  if (above || root !== undefined || home === undefined || home === '') return above
  return search(home, true, configHome)
}

function search(from: string, only: boolean, configHome: string): Nearest | undefined {
  for (let at = from; ; at = dirname(at)) {
    if (lstatSync(join(at, DIRECTORY), { throwIfNoEntry: false })) {
      const root = realpathSync(at)
      return { root, problem: problemOf(lstatSync(join(root, DIRECTORY))), noted: notedId(configHome, root) }
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
  // Made with 0700, unlike what a checkout makes: a `.cloned` that came along with somebody's files would bring their policy.
  if ((stat.mode & 0o077) !== 0) return 'others may read it, so it was not made by `cloned init` for you'
  return undefined
}
