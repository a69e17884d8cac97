// Reads and replaces the files of clients; must never follow a link, nor write over what it has not read.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { dirname, sep } from 'node:path'
import { ClonedError, sha256, writeFileAtomic } from 'cloned/kernel'
import type { Place } from './slot.js'

/** Clients keep histories beside their servers. */
const MAX_BYTES = 16 * 1024 * 1024

/** A file as it was read. */
export interface ClientFile {
  readonly path: string
  readonly text: string
  readonly sha256: string
  /** Permissions. */
  readonly mode: number
}

/**
 * Reads a file; `undefined` when there is none. Throws `CLIENT_FILE_REFUSED` for a link, for anything but a file, for one of
 * another user or that others may write, one that is too large or no text, and one of a project that lies outside of it.
 */
export function readClientFile(path: string, scope: Place['scope'] = 'user', project?: string): ClientFile | undefined {
  const refuse = (problem: string) => new ClonedError('CLIENT_FILE_REFUSED', { path, problem })
  let fd: number
  try {
    // Without O_NONBLOCK a pipe planted here would hold the process until somebody writes to it.
    fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'ELOOP') throw refuse(`it is a symbolic link to ${target(path)}`)
    throw refuse(code === 'EACCES' ? 'you may not read it' : `the system says ${code}`)
  }
  try {
    const stats = fstatSync(fd)
    // Windows opens links in spite of the flag.
    if (lstatSync(path).isSymbolicLink()) throw refuse(`it is a symbolic link to ${target(path)}`)
    if (!stats.isFile()) throw refuse('it is not a regular file')
    if (stats.nlink > 1) throw refuse('it has a second name (hard link)')
    if (process.getuid && stats.uid !== process.getuid()) throw refuse('it belongs to another user')
    if (process.getuid && (stats.mode & 0o022) !== 0) throw refuse('others may write it')
    if (stats.size > MAX_BYTES) throw refuse('it is larger than 16 MiB')
    if (scope === 'project' && project !== undefined && !within(path, project)) {
      throw refuse('a directory on the way to it is a link out of the project')
    }
    const bytes = Buffer.alloc(stats.size)
    let at = 0
    while (at < bytes.length) {
      const read = readSync(fd, bytes, at, bytes.length - at, at)
      if (read === 0) break
      at += read
    }
    const text = bytes.subarray(0, at).toString('utf8')
    // What does not come back the same could not be restored byte for byte.
    if (!Buffer.from(text).equals(bytes.subarray(0, at))) throw refuse('it is not UTF-8 text')
    return { path, text, sha256: sha256(text), mode: stats.mode & 0o777 }
  } finally {
    closeSync(fd)
  }
}

/** Replaces a file, or makes it, if it is still as it was read (`undefined`: not there). Throws `CLIENT_FILE_CHANGED`. */
export function replaceClientFile(path: string, text: string, read: ClientFile | undefined): void {
  assertUnchanged(path, read)
  if (!read) mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileAtomic(path, text, { mode: read?.mode ?? 0o600 })
}

/** Removes a file that is still as it was read. */
export function removeClientFile(path: string, read: ClientFile): void {
  assertUnchanged(path, read)
  rmSync(path)
}

function assertUnchanged(path: string, read: ClientFile | undefined): void {
  if (readClientFile(path)?.sha256 !== read?.sha256) throw new ClonedError('CLIENT_FILE_CHANGED', { path })
}

function target(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return 'nothing'
  }
}

function within(path: string, project: string): boolean {
  const root = realpathSync(project)
  const directory = realpathSync(dirname(path))
  return directory === root || directory.startsWith(root.endsWith(sep) ? root : root + sep)
}
