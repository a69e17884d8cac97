// Tells the living members of a directory from the dead by one lock file each; never calls a living member dead.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type FileLock, tryFileLock } from './lock.js'

/** A member of this process. */
export interface Member {
  /** 16 lower-case hex digits, never used before. */
  readonly id: string
  /** Ends the membership and removes its file. Legal twice, and after `release`. */
  leave(): void
  /** Ends the membership as a death would: somebody will find it dead and take care of it. Legal twice. */
  release(): void
}

/** A member that ended without leaving, held by this process so that no other one takes care of it too. */
export interface DeadMember {
  readonly id: string
  /** It has been taken care of: removes its file. Legal twice. */
  forget(): void
  /** It has not: lets another process try. Legal twice. */
  release(): void
}

/** Members of one directory, among all processes that use it. Made at the first `enter`, mode 0700. */
export interface Members {
  enter(): Member
  /** Whether a member lives. A dead one that somebody takes care of right now counts as living. */
  alive(id: string): boolean
  /** Claims every dead member that nobody else has claimed. */
  dead(): readonly DeadMember[]
}

const ID = /^[0-9a-f]{16}$/

/** The members of a directory. Does no input or output, nor asks for the path, until a method is called. */
export function membersOf(path: () => string): Members {
  const file = (id: string) => join(path(), `${id}.lock`)
  return {
    enter() {
      const directory = path()
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      for (;;) {
        const id = randomBytes(8).toString('hex')
        const held = join(directory, `${id}.lock`)
        const lock = appearLocked(join(directory, `${id}.new`), held)
        if (lock) return { id, leave: () => end(lock, held), release: () => lock.release() }
      }
    },
    alive(id) {
      const lock = ID.test(id) ? claim(file(id)) : undefined
      lock?.release()
      return lock === undefined && ID.test(id) && inode(file(id)) !== undefined
    },
    dead() {
      const directory = path()
      const found: DeadMember[] = []
      for (const name of list(directory)) {
        const [id = '', suffix] = name.split('.')
        if (!ID.test(id) || (suffix !== 'lock' && suffix !== 'new')) continue
        const held = join(directory, name)
        const lock = claim(held)
        if (!lock) continue
        // Killed before it had a name under which it could leave anything behind.
        if (suffix === 'new') end(lock, held)
        else found.push({ id, forget: () => end(lock, held), release: () => lock.release() })
      }
      return found
    },
  }
}

/** Locks under a passing name first, so that the real one is never seen unlocked. `undefined`: another try is needed. */
function appearLocked(passing: string, path: string): FileLock | undefined {
  const lock = tryFileLock(passing)
  if (!lock) return undefined
  try {
    renameSync(passing, path)
    return lock
  } catch (error) {
    lock.release()
    // Somebody else's `dead` found it between its making and its locking, and removed it.
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Locks an existing file. The lock may be won on a file that its last holder has just removed: that is no claim. */
function claim(path: string): FileLock | undefined {
  const before = inode(path)
  if (before === undefined) return undefined
  const lock = tryFileLock(path)
  if (lock && inode(path) !== before) {
    lock.release()
    return undefined
  }
  return lock
}

// Removed while it is held: whoever locks the removed file afterwards sees that it has gone.
function end(lock: FileLock, path: string): void {
  rmSync(path, { force: true })
  lock.release()
}

function inode(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
