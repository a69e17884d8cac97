// Opens a workspace that exists: reads its configuration whole or refuses it; never writes.
import { realpathSync, statSync } from 'node:fs'
import { isAbsolute, join, relative, sep } from 'node:path'
import { ClonedError, configHome, readSchema, readYaml } from 'cloned/kernel'
import { findWorkspace } from './find.js'
import { DIRECTORY, type Whereabouts } from './nearest.js'
import type { Workspace, WorkspaceConfig } from './slot.js'

/**
 * Opens the workspace at `root`, or the nearest one from `cwd` upward, or the one in the home directory.
 * Throws `WORKSPACE_MISSING`, `WORKSPACE_UNSAFE`, `WORKSPACE_FOREIGN` for one that was not named and that this user has not
 * made in that place, and `FILE_INVALID` for a configuration that does not fit its schema.
 */
export function openWorkspace(where: Omit<Whereabouts, 'configHome'>): Workspace {
  const { root, noted } = findWorkspace({ ...where, configHome: configHome() })
  const dir = join(root, DIRECTORY)
  const file = join(dir, 'config.yaml')
  if (!statSync(file, { throwIfNoEntry: false })) {
    throw new ClonedError('FILE_INVALID', { path: file, line: '', problem: 'the file is missing' })
  }
  const config = readYaml(file, readSchema('workspace.config')) as unknown as WorkspaceConfig
  // Archives keep modes: what was unpacked, or made by a program that is confined to a project, looks like one's own.
  if (where.root === undefined && noted !== config.id) throw new ClonedError('WORKSPACE_FOREIGN', { path: dir, root })
  const found = where.root !== undefined ? 'named' : holds(root, realpathSync(where.cwd)) ? 'above' : 'default'
  return Object.freeze({ root, dir, config, found, path: (...parts: string[]) => inside(dir, join(dir, ...parts)) })
}

function holds(directory: string, path: string): boolean {
  const way = relative(directory, path)
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

function inside(dir: string, path: string): string {
  if (!holds(dir, path)) throw new ClonedError('WORKSPACE_UNSAFE', { path, problem: `it is not inside ${dir}` })
  return path
}
