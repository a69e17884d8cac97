// Reads files and makes directories that hold secrets; must never follow a link or trust what others could have written.
import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, readSync, type Stats } from 'node:fs'
import { ClonedError } from './errors.js'

const MAX_BYTES = 16 * 1024 * 1024

/** Makes a directory (mode 0700) or checks the one there is. Its parent must exist. Throws `FILE_UNSAFE`. */
export function privateDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  refuse(path, lstatSync(path), 'directory')
}

/**
 * The bytes of a file that only its owner can read or write; `undefined` when there is none. Throws `FILE_UNSAFE` for a
 * link, a second name, another owner, a wider mode, and more than `maxBytes` (16 MiB).
 */
export function readPrivateFile(
  path: string,
  { maxBytes = MAX_BYTES }: { maxBytes?: number } = {},
): Buffer | undefined {
  let fd: number
  try {
    // Without O_NONBLOCK a pipe planted here would hold the process until somebody writes to it.
    fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code === 'ELOOP') throw new ClonedError('FILE_UNSAFE', { path, problem: 'is a symbolic link' })
    throw error
  }
  try {
    const stats = fstatSync(fd)
    refuse(path, stats, 'file')
    if (stats.size > maxBytes)
      throw new ClonedError('FILE_UNSAFE', { path, problem: `is larger than ${maxBytes} bytes` })
    const bytes = Buffer.alloc(stats.size)
    let at = 0
    while (at < bytes.length) {
      const read = readSync(fd, bytes, at, bytes.length - at, at)
      if (read === 0) break
      at += read
    }
    return bytes.subarray(0, at)
  } finally {
    closeSync(fd)
  }
}

function refuse(path: string, stats: Stats, wanted: 'file' | 'directory'): void {
  const problem = unsafe(stats, wanted)
  if (problem) throw new ClonedError('FILE_UNSAFE', { path, problem })
}

function unsafe(stats: Stats, wanted: 'file' | 'directory'): string | undefined {
  if (stats.isSymbolicLink()) return 'is a symbolic link'
  if (wanted === 'file' ? !stats.isFile() : !stats.isDirectory()) return `is not a plain ${wanted}`
  if (wanted === 'file' && stats.nlink > 1) return 'has a second name (hard link)'
  if (process.platform === 'win32') return undefined
  if (stats.uid !== process.getuid?.()) return 'belongs to another user'
  if ((stats.mode & 0o077) !== 0) return `has mode ${(stats.mode & 0o777).toString(8)}, so others can reach it`
  return undefined
}
