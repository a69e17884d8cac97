// Decides where the files of the log lie and which of them are safe to open; must never follow a symbolic link.
import { lstatSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { ClonedError } from 'cloned/kernel'

/** The files of a log. */
export interface AuditPaths {
  /** `.cloned` */
  readonly dir: string
  /** `.cloned/audit.log` */
  readonly log: string
  /** `.cloned/audit` */
  readonly side: string
  /** `.cloned/audit/head` */
  readonly head: string
  /** `.cloned/audit/lock` */
  readonly lock: string
  /** `.cloned/audit/key-lock`: held while the key that signs is changed */
  readonly keyLock: string
  /** `.cloned/audit/segments`: the log's older files, closed for good */
  readonly segments: string
  /** `.cloned/audit/checkpoint`: the newest signed note */
  readonly checkpoint: string
  /** `.cloned/audit/vkey`: the keys that sign the log's notes, a line each, the newest last */
  readonly vkey: string
  /** `.cloned/audit/tree`: how far the hash tree has been computed; can be rebuilt */
  readonly tree: string
  /** `.cloned/audit/reserve`: space that is given back when the disk is full */
  readonly reserve: string
}

export function auditPaths(dir: string): AuditPaths {
  const side = join(dir, 'audit')
  return {
    dir,
    log: join(dir, 'audit.log'),
    side,
    head: join(side, 'head'),
    lock: join(side, 'lock'),
    keyLock: join(side, 'key-lock'),
    segments: join(side, 'segments'),
    checkpoint: join(side, 'checkpoint'),
    vkey: join(side, 'vkey'),
    tree: join(side, 'tree'),
    reserve: join(side, 'reserve'),
  }
}

/** Throws `AUDIT_UNSAFE` when a file of the log that exists could have been planted or can be changed by others. */
export function assertSafe(paths: AuditPaths): void {
  const owner = lstatSync(paths.dir).uid
  for (const path of [paths.side, paths.segments, paths.log, paths.head, paths.lock]) {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    const directory = path === paths.side || path === paths.segments
    // The lock is made by way of a second name, which another process may be about to remove.
    if (stats) assertSafeFile(path, stats, { owner, directory, names: path === paths.lock ? 2 : 1 })
  }
}

/** Throws `AUDIT_UNSAFE`; `stats` must come from `lstat` or from `fstat` of a descriptor opened with `O_NOFOLLOW`. */
export function assertSafeFile(
  path: string,
  stats: Stats,
  { owner, directory = false, names = 1 }: { owner: number; directory?: boolean; names?: number },
): void {
  const problem = unsafe(stats, owner, directory, names)
  if (problem) throw new ClonedError('AUDIT_UNSAFE', { path, problem })
}

function unsafe(stats: Stats, owner: number, directory: boolean, names: number): string | undefined {
  if (stats.isSymbolicLink()) return 'is a symbolic link'
  if (directory ? !stats.isDirectory() : !stats.isFile()) return `is not a ${directory ? 'directory' : 'plain file'}`
  if (!directory && stats.nlink > names) return 'has a second name (hard link)'
  if (process.platform === 'win32') return undefined
  if (stats.uid !== owner) return 'belongs to another user than its directory'
  // Others may look into the directory's name list at most; content is for the owner alone.
  if ((stats.mode & (directory ? 0o022 : 0o077)) !== 0) return `has mode ${(stats.mode & 0o777).toString(8)}`
  return undefined
}
