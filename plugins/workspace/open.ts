// Opens a workspace that exists: reads its configuration whole or refuses it; never writes.
import { statSync } from 'node:fs'
import { isAbsolute, join, relative, sep } from 'node:path'
import { ClonedError, readSchema, readYaml } from 'cloned/kernel'
import { DIRECTORY, findWorkspace } from './find.js'
import type { Workspace, WorkspaceConfig } from './slot.js'

/**
 * Opens the workspace at `root`, or the nearest one from `cwd` upward.
 * Throws `WORKSPACE_MISSING`, `WORKSPACE_UNSAFE`, and `FILE_INVALID` for a configuration that does not fit its schema.
 */
export function openWorkspace(where: { root?: string | undefined; cwd: string }): Workspace {
  const root = findWorkspace(where)
  const dir = join(root, DIRECTORY)
  const file = join(dir, 'config.yaml')
  if (!statSync(file, { throwIfNoEntry: false })) {
    throw new ClonedError('FILE_INVALID', { path: file, line: '', problem: 'the file is missing' })
  }
  const config = readYaml(file, readSchema('workspace.config')) as unknown as WorkspaceConfig
  return Object.freeze({ root, dir, config, path: (...parts: string[]) => inside(dir, join(dir, ...parts)) })
}

function inside(dir: string, path: string): string {
  const way = relative(dir, path)
  if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) {
    throw new ClonedError('WORKSPACE_UNSAFE', { path, problem: `it is not inside ${dir}` })
  }
  return path
}
