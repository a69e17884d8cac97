// Finds the workspace directory and decides whether it may be trusted; never follows a link to it, nor changes it.
import { join, resolve } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import { DIRECTORY, nearestWorkspace, type Whereabouts } from './nearest.js'

/**
 * Answers the real path of the directory that holds `.cloned`. Throws `WORKSPACE_MISSING`, and `WORKSPACE_UNSAFE` for a
 * `.cloned` that is not to be trusted.
 */
export function findWorkspace(where: Whereabouts): string {
  const found = nearestWorkspace(where)
  if (!found) throw new ClonedError('WORKSPACE_MISSING', { from: resolve(where.cwd, where.root ?? '.') })
  const { root, problem } = found
  if (problem !== undefined) throw new ClonedError('WORKSPACE_UNSAFE', { path: join(root, DIRECTORY), problem })
  return root
}
