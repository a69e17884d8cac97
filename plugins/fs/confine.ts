// Decides what a path of the workspace may reach; must never open anything outside the root or inside `.cloned`.
import { constants, existsSync } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readlink, realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { HandlerError } from 'cloned/kernel'
import { errnoOf, refuse, refusePath, shown } from './refuse.js'

/** Where paths are confined. Both are absolute real paths. */
export interface Root {
  readonly path: string
  /** The directory that nobody reaches, under whatever name: secrets, approvals, the audit log. */
  readonly forbidden: string
}

const MAX_PATH = 4096
const MAX_SEGMENTS = 64
const FORBIDDEN_NAME = '.cloned'
const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants

// Node has no openat. On Linux `/proc/self/fd/N/name` is the same thing: it means the opened directory itself, however
// often the path that led there is swapped meanwhile. Elsewhere names are joined and handles are checked after, which
// leaves a gap (measured): who swaps a directory for a symlink at the right moment can have an outside directory listed,
// or a temporary file left in it.
const HANDLES_HAVE_PATHS = process.platform === 'linux' && existsSync('/proc/self/fd')

/**
 * Takes a path apart. Throws `FS_PATH_REFUSED` for what is not a plain relative path: absolute, `..`, a backslash, a drive,
 * a control character, half a surrogate pair, a part named `.cloned` in any case, or an unreasonable length.
 */
export function segmentsOf(path: string): readonly string[] {
  if (path === '') throw refusePath(path, 'it is empty')
  if (path.length > MAX_PATH) throw refusePath(path, `it is longer than ${MAX_PATH} characters`)
  if (!path.isWellFormed()) throw refusePath(path, 'it holds half a surrogate pair')
  if ([...path].some((char) => char < ' ' || char === '\u007f')) throw refusePath(path, 'it holds a control character')
  if (path.includes('\\')) throw refusePath(path, 'it holds a backslash')
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) throw refusePath(path, 'it is absolute')
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.')
  if (segments.includes('..')) throw refusePath(path, 'it holds ".."')
  if (segments.length > MAX_SEGMENTS) throw refusePath(path, `it is more than ${MAX_SEGMENTS} directories deep`)
  if (segments.some(isForbiddenName)) throw refusePath(path, `${FORBIDDEN_NAME} belongs to the workspace itself`)
  return segments
}

/** Whether a name means the state directory of this or of a nested workspace. Some file systems ignore case. */
export function isForbiddenName(name: string): boolean {
  return name.normalize('NFKC').toLowerCase() === FORBIDDEN_NAME
}

/** An opened directory below the root; names are resolved from the handle, not from the path. */
export class Directory {
  /** Absolute real path at the time of opening. */
  readonly path: string
  readonly handle: FileHandle
  readonly #bounds: Bounds

  private constructor(path: string, handle: FileHandle, bounds: Bounds) {
    this.path = path
    this.handle = handle
    this.#bounds = bounds
  }

  /** Opens the root itself. */
  static async root(root: Root): Promise<Directory> {
    return Directory.#open(root.path, root.path, { root: root.path, forbidden: await identityAt(root.forbidden) })
  }

  /** Opens a directory in this one; a symlink and the forbidden directory are refused, whatever they are called. */
  async directory(name: string): Promise<Directory> {
    return Directory.#open(this.at(name), join(this.path, name), this.#bounds)
  }

  /** The path that reaches a name in this very directory. */
  at(name: string): string {
    return HANDLES_HAVE_PATHS ? `/proc/self/fd/${this.handle.fd}/${name}` : join(this.path, name)
  }

  /** The path that reaches this very directory. */
  get self(): string {
    return HANDLES_HAVE_PATHS ? `/proc/self/fd/${this.handle.fd}` : this.path
  }

  async close(): Promise<void> {
    await this.handle.close()
  }

  static async #open(at: string, path: string, bounds: Bounds): Promise<Directory> {
    const shownPath = relative(bounds.root, path) || '.'
    const handle = await open(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    try {
      const { dev, ino } = await handle.stat({ bigint: true })
      // By identity: a name alone misses short names, trailing dots and ignored code points of other file systems.
      if (dev === bounds.forbidden?.dev && ino === bounds.forbidden.ino) {
        throw refusePath(shownPath, `it is ${FORBIDDEN_NAME} under another name`)
      }
      if (!(await standsAt(handle, path))) throw changed(shownPath)
    } catch (error) {
      await handle.close()
      throw error
    }
    return new Directory(path, handle, bounds)
  }
}

/**
 * Opens an existing regular file for reading. Symlinks are followed as long as everything stays inside the root.
 * Never waits: a FIFO or a device is refused unopened, and one that is swapped in is opened without blocking.
 */
export async function openFile(root: Root, path: string): Promise<FileHandle> {
  const inner = await resolveInside(root, path)
  const name = inner.at(-1)
  if (name === undefined || path.endsWith('/')) throw refusePath(path, 'it is a directory')
  return guarded(path, async () => {
    const parent = await walk(root, inner.slice(0, -1))
    try {
      const before = await lstat(parent.at(name))
      if (before.isDirectory()) throw refusePath(path, 'it is a directory')
      if (!before.isFile()) throw refusePath(path, 'it is not a regular file')
      const handle = await open(parent.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
      try {
        if (!(await handle.stat()).isFile()) throw refusePath(path, 'it is not a regular file')
        if (!(await standsAt(handle, join(parent.path, name)))) throw changed(path)
      } catch (error) {
        await handle.close()
        throw error
      }
      return handle
    } finally {
      await parent.close()
    }
  })
}

/** Opens an existing directory. Symlinks are followed as long as everything stays inside the root. */
export async function openDirectory(root: Root, path: string): Promise<Directory> {
  const inner = await resolveInside(root, path)
  return guarded(path, () => walk(root, inner))
}

/** Where a file is to be written: its opened directory and its name. */
export interface Target {
  readonly directory: Directory
  readonly name: string
  /** Whether directories were made on the way. */
  readonly made: boolean
}

/**
 * Opens the directory of a file that is to be written, making what is missing. No part of the way may be a symlink.
 * Throws `FS_PATH_REFUSED` when the file itself exists and is not a regular file.
 */
export async function openTarget(root: Root, path: string): Promise<Target> {
  const segments = segmentsOf(path)
  const name = segments.at(-1)
  if (name === undefined || /(^|\/)\.?$/.test(path)) throw refusePath(path, 'it names a directory')
  let made = false
  let directory = await Directory.root(root)
  try {
    for (const segment of segments.slice(0, -1)) {
      if (await makeDirectory(directory, segment)) made = true
      const next = await directory.directory(segment)
      await directory.close()
      directory = next
    }
    const there = await lstat(directory.at(name)).catch(absent)
    if (there && !there.isFile()) {
      throw refusePath(path, there.isSymbolicLink() ? 'it is a symlink, and writing follows none' : 'it is not a file')
    }
    return { directory, name, made }
  } catch (error) {
    await directory.close()
    throw worded(path, error, made)
  }
}

/** Creates a file in an opened directory; fails when the name exists, whatever it is. */
export function createIn(directory: Directory, name: string, mode: number): Promise<FileHandle> {
  return open(directory.at(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode)
}

/** Whether an opened handle is still what stands at this real path. */
export async function standsAt(handle: FileHandle, path: string): Promise<boolean> {
  if (HANDLES_HAVE_PATHS) return (await readlink(`/proc/self/fd/${handle.fd}`)) === path
  const opened = await handle.stat({ bigint: true })
  const there = await identityAt(path)
  return (await realpath(path)) === path && there?.dev === opened.dev && there.ino === opened.ino
}

/** What every directory below the root remembers of it. */
interface Bounds {
  readonly root: string
  readonly forbidden: Identity | undefined
}

interface Identity {
  readonly dev: bigint
  readonly ino: bigint
}

async function identityAt(path: string): Promise<Identity | undefined> {
  return stat(path, { bigint: true }).catch(absent)
}

/** The real place of a path as segments below the root. */
async function resolveInside(root: Root, path: string): Promise<readonly string[]> {
  const segments = segmentsOf(path)
  let real: string
  try {
    real = await realpath(join(root.path, ...segments))
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') throw refuse('FS_NOT_FOUND', { path: shown(path) })
    throw worded(path, error)
  }
  if (real === root.path) return []
  const prefix = root.path.endsWith(sep) ? root.path : root.path + sep
  if (!real.startsWith(prefix)) throw refusePath(path, 'it leads out of the workspace')
  const inner = real.slice(prefix.length).split(sep)
  if (inner.some(isForbiddenName)) throw refusePath(path, `it leads into ${FORBIDDEN_NAME}`)
  return inner
}

async function walk(root: Root, segments: readonly string[]): Promise<Directory> {
  let directory = await Directory.root(root)
  for (const segment of segments) {
    try {
      const next = await directory.directory(segment)
      await directory.close()
      directory = next
    } catch (error) {
      await directory.close()
      throw error
    }
  }
  return directory
}

async function makeDirectory(parent: Directory, name: string): Promise<boolean> {
  try {
    await mkdir(parent.at(name), 0o700)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
  await parent.handle.sync()
  return true
}

async function guarded<T>(path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    throw worded(path, error)
  }
}

function worded(path: string, error: unknown, made = false): unknown {
  const refusal = error instanceof HandlerError ? error : refusalOf(path, errnoOf(error))
  if (!made) return refusal
  const { message, code, help } = refusal
  return new HandlerError(message, { effect: 'happened', code, ...(help === undefined ? {} : { help }) })
}

function refusalOf(path: string, code: string): HandlerError {
  if (code === 'ELOOP' || code === 'ENOTDIR') return refusePath(path, 'a part of it is a symlink or not a directory')
  if (code === 'ENAMETOOLONG') return refusePath(path, 'a part of it is too long')
  if (code === 'ENOENT') return changed(path)
  return refuse('FS_FAILED', { path: shown(path), cause: code })
}

function changed(path: string): HandlerError {
  return refusePath(path, 'it changed while it was being opened')
}

function absent(error: unknown): undefined {
  if (errnoOf(error) === 'ENOENT') return undefined
  throw error
}
