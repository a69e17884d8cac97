// Makes a workspace; it appears complete or not at all, and never in the place of another one.
import { randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ClonedError, syncDirectory, writeFileAtomic } from 'cloned/kernel'
import { DIRECTORY } from './find.js'
import type { WorkspaceConfig } from './slot.js'

/** The types of workspace. */
export const TYPES: readonly WorkspaceConfig['type'][] = ['personal', 'shared', 'enterprise']

/** What to make. */
export interface InitOptions {
  readonly type: WorkspaceConfig['type']
  readonly now: () => number
}

/** A workspace that was made. */
export interface NewWorkspace {
  /** Absolute real path of the directory that holds `.cloned`. */
  readonly root: string
  readonly config: WorkspaceConfig
}

/**
 * Makes `.cloned` (mode 0700) with `config.yaml` in `root`, which is made too when it is missing.
 * Throws `WORKSPACE_EXISTS` when there is anything of that name, a link that leads nowhere included.
 */
export function initWorkspace(root: string, { type, now }: InitOptions): NewWorkspace {
  refuseExisting(root)
  const created_at = new Date(now()).toISOString()
  const config: WorkspaceConfig = { version: 1, id: randomBytes(16).toString('hex'), type, created_at }
  mkdirSync(root, { recursive: true })
  const real = realpathSync(root)
  const passing = join(real, `${DIRECTORY}.${randomBytes(8).toString('hex')}.tmp`)
  mkdirSync(passing, { mode: 0o700 })
  try {
    writeFileAtomic(join(passing, 'config.yaml'), render(config))
    renameSync(passing, join(real, DIRECTORY))
  } catch (error) {
    rmSync(passing, { recursive: true, force: true })
    // Somebody else made one meanwhile: a directory that is not empty is never replaced by a rename.
    refuseExisting(root)
    throw error
  }
  syncDirectory(real)
  return { root: real, config }
}

/** Throws `WORKSPACE_EXISTS` when a workspace cannot be made in `root`. */
export function refuseExisting(root: string): void {
  const path = join(root, DIRECTORY)
  if (lstatSync(path, { throwIfNoEntry: false })) throw new ClonedError('WORKSPACE_EXISTS', { path })
}

function render({ version, id, type, created_at }: WorkspaceConfig): string {
  return `# Configuration of this cloned workspace. Its format: schemas/workspace.config.schema.json of the package "cloned".
# "type" chooses the built-in policy and who may decide approvals: personal, shared or enterprise.
# Keep this directory to yourself (mode 0700): whoever can write it can change what is allowed here.
version: ${version}
id: ${id}
type: ${type}
created_at: ${created_at}
`
}
