// Makes a workspace; it appears complete or not at all, and never in the place of another one.
import { randomBytes } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import {
  ClonedError,
  configHome,
  describeThrown,
  privateDirectory,
  syncDirectory,
  writeFileAtomic,
} from 'cloned/kernel'
import { DIRECTORY } from './nearest.js'
import { notePath } from './notes.js'
import type { WorkspaceConfig } from './slot.js'

const TYPES: readonly WorkspaceConfig['type'][] = ['personal', 'shared', 'enterprise']

/** What the system answers, in words; everything else as it says it. */
const CAUSES: Readonly<Record<string, string>> = {
  ENOSPC: 'its disk is full',
  EDQUOT: 'your share of its disk is used up',
  EROFS: 'its disk is read-only',
  EACCES: 'you have no permission to write there',
  EPERM: 'you have no permission to write there',
  ENOTDIR: 'a part of the path is not a directory',
  EEXIST: 'it is not a directory',
}

/** What to make. */
export interface InitOptions {
  /** Default: `personal`. */
  readonly type?: WorkspaceConfig['type']
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number
}

/** A workspace that was made. */
export interface NewWorkspace {
  /** Absolute real path of the directory that holds `.cloned`. */
  readonly root: string
  readonly config: WorkspaceConfig
}

/**
 * Makes `.cloned` (mode 0700) with `config.yaml` in `root`, which is made too when it is missing, and notes it as the user's.
 * Throws `WORKSPACE_TYPE`, `WORKSPACE_UNWRITABLE` when the system refuses, and `WORKSPACE_EXISTS` when there is anything
 * of that name, a link that leads nowhere included.
 */
export function initWorkspace(root: string, { type, now = Date.now }: InitOptions = {}): NewWorkspace {
  const config: WorkspaceConfig = {
    version: 1,
    id: randomBytes(16).toString('hex'),
    type: workspaceType(type),
    created_at: new Date(now()).toISOString(),
  }
  refuseExisting(root)
  try {
    return { root: make(root, config), config }
  } catch (error) {
    // Somebody else made one meanwhile: a directory that is not empty is never replaced by a rename.
    refuseExisting(root)
    throw unwritable(root, error)
  }
}

/** The type that a word names, `personal` without one. Throws `WORKSPACE_TYPE`. */
export function workspaceType(word: unknown = 'personal'): WorkspaceConfig['type'] {
  const type = TYPES.find((known) => known === word)
  if (!type) throw new ClonedError('WORKSPACE_TYPE', { type: String(word) })
  return type
}

function make(root: string, config: WorkspaceConfig): string {
  makeDirectory(resolve(root))
  const real = realpathSync(root)
  const passing = join(real, `${DIRECTORY}.${randomBytes(8).toString('hex')}.tmp`)
  mkdirSync(passing, { mode: 0o700 })
  try {
    writeFileAtomic(join(passing, 'config.yaml'), render(config))
    noteWorkspace(real, config.id)
    renameSync(passing, join(real, DIRECTORY))
  } catch (error) {
    rmSync(passing, { recursive: true, force: true })
    throw error
  }
  syncDirectory(real)
  return real
}

/** Notes that the user holds the workspace in this directory for their own: from then on it is found from below. */
export function noteWorkspace(root: string, id: string): void {
  const path = notePath(configHome(), root)
  mkdirSync(dirname(dirname(path)), { recursive: true, mode: 0o700 })
  privateDirectory(dirname(path))
  writeFileAtomic(path, `${id}\n`)
}

// Not `recursive: true`: below a directory that answers ENOENT to every new name, as /proc does, it never returns (Node 20).
function makeDirectory(path: string): void {
  if (existsSync(path)) return
  makeDirectory(dirname(path))
  mkdirSync(path)
}

/** Throws `WORKSPACE_EXISTS` when a workspace cannot be made in `root`, `WORKSPACE_UNWRITABLE` when nobody can look. */
export function refuseExisting(root: string): void {
  const path = join(root, DIRECTORY)
  if (exists(root, path)) throw new ClonedError('WORKSPACE_EXISTS', { path })
}

function exists(root: string, path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    throw unwritable(root, error)
  }
}

function unwritable(path: string, error: unknown): ClonedError {
  const { code = '' } = error as NodeJS.ErrnoException
  return new ClonedError(
    'WORKSPACE_UNWRITABLE',
    { path, cause: CAUSES[code] ?? describeThrown(error) },
    { cause: error },
  )
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
