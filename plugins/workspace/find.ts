// Finds the workspace directory and decides whether it may be trusted; never follows a link to it, nor changes it.
import { join, resolve } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import { DIRECTORY, type Nearest, nearestWorkspace, type Whereabouts } from './nearest.js'

/**
 * Answers the real path of the directory that holds `.cloned`, and the id that is noted for it. Throws `WORKSPACE_MISSING`,
 * and `WORKSPACE_UNSAFE` for a `.cloned` that is not to be trusted.
 */
export function findWorkspace(where: Whereabouts): Pick<Nearest, 'root' | 'noted'> {
  const found = nearestWorkspace(where)
  if (!found) throw new ClonedError('WORKSPACE_MISSING', { from: resolve(where.cwd, where.root ?? '.') })
  const { root, problem, noted } = found
  if (problem !== undefined) throw new ClonedError('WORKSPACE_UNSAFE', { path: join(root, DIRECTORY), problem })
  return { root, noted }
}
