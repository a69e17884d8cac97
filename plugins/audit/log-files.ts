// Opens the files of the log for one writer and keeps them the right ones; must never take a replaced file for a rotated.
import { constants, existsSync, lstatSync, type Stats } from 'node:fs'
import { ClonedError, LockFile, sha256, syncDirectory, writeFileAtomic } from 'cloned/kernel'
import { type FileOps, REAL_OPS, readUpTo } from './file-ops.js'
import { MAX_LINE } from './format.js'
import { decodeHead, EMPTY_HEAD, encodeHead, HEAD_BYTES, type Head, readHead } from './head.js'
import { type AuditPaths, assertSafe, assertSafeFile } from './paths.js'
import { findPruneNote } from './prune.js'
import { beginNext } from './rotate.js'
import { segmentPath } from './segments.js'

/** A lock among all writers of the log. */
export type WriterLock = Pick<LockFile, 'lock' | 'tryLock' | 'unlock' | 'close'>

export interface LogFilesOptions {
  readonly paths: AuditPaths
  /** How long to wait for other writers, milliseconds. */
  readonly lockMs?: number
  readonly ops?: FileOps
  readonly openLock?: (path: string) => WriterLock
}

/** The log while its lock is held. */
export interface LiveLog {
  readonly log: number
  readonly headFd: number
  readonly head: Head
  /** Size of the file, bytes. */
  readonly size: number
}

interface Descriptors {
  readonly log: number
  readonly headFd: number
  /** `first` of the head when the file was opened. */
  readonly first: number
}

export class LogFiles {
  readonly paths: AuditPaths
  readonly ops: FileOps
  readonly #lockMs: number
  readonly #openLock: (path: string) => WriterLock
  #lock: WriterLock | undefined
  #open: Descriptors | undefined

  constructor({ paths, lockMs = 10_000, ops = REAL_OPS, openLock = (path) => new LockFile(path) }: LogFilesOptions) {
    this.paths = paths
    this.ops = ops
    this.#lockMs = lockMs
    this.#openLock = openLock
  }

  /** Does something while no other writer can. `ts` is the time of a record that ends another's rotation. */
  locked<T>(ts: string, work: (live: LiveLog) => T): T {
    const lock = this.#lock ?? this.#makeLock()
    lock.lock(this.#lockMs)
    try {
      return work(this.#live(ts))
    } finally {
      lock.unlock()
    }
  }

  /** The same without waiting: `undefined`, and nothing is done, when another writer has the lock at this moment. */
  lockedNow<T>(ts: string, work: (live: LiveLog) => T): T | undefined {
    const lock = this.#lock ?? this.#makeLock()
    if (!lock.tryLock()) return undefined
    try {
      return work(this.#live(ts))
    } finally {
      lock.unlock()
    }
  }

  /** Lets go of the file that is written; the next use opens the one that is then the newest. */
  release(): void {
    if (!this.#open) return
    const { log, headFd } = this.#open
    this.#open = undefined
    this.ops.closeSync(log)
    this.ops.closeSync(headFd)
  }

  close(): void {
    this.release()
    this.#lock?.close()
    this.#lock = undefined
  }

  #makeLock(): WriterLock {
    assertSafe(this.paths)
    this.ops.mkdirSync(this.paths.side, { recursive: true, mode: 0o700 })
    this.#lock = this.#openLock(this.paths.lock)
    return this.#lock
  }

  #live(ts: string): LiveLog {
    const { paths, ops } = this
    let open = this.#open
    let stats = open && ops.fstatSync(open.log)
    if (open && stats && !isNamed(ops, paths.log, stats)) {
      if (!this.#wasRotated(open.first)) {
        throw this.#damaged(paths.log, 'it was moved or replaced while it was open')
      }
      this.release()
      open = undefined
      stats = undefined
    }
    open ??= this.#reopen(ts)
    const { size } = stats ?? ops.fstatSync(open.log)
    const head = this.#readHead(open.headFd)
    this.#checkSize(head, size)
    return { log: open.log, headFd: open.headFd, head, size }
  }

  /** Only a rotation moves the log; it leaves the file behind as a segment, until a prune that says so in the log. */
  #wasRotated(first: number): boolean {
    return existsSync(segmentPath(this.paths, first)) || findPruneNote(this.paths, first) !== undefined
  }

  #reopen(ts: string): Descriptors {
    this.#settle(ts)
    const fds: number[] = []
    try {
      fds.push(this.#openFile(this.paths.log, constants.O_APPEND), this.#openFile(this.paths.head, 0))
      const [log = -1, headFd = -1] = fds
      const head = this.#readHead(headFd)
      this.#checkSize(head, this.ops.fstatSync(log).size)
      this.#checkSealed(log, head)
      this.#open = { log, headFd, first: head.first }
      return this.#open
    } catch (error) {
      for (const fd of fds) this.ops.closeSync(fd)
      throw error
    }
  }

  /** Makes a new log, or ends a rotation that was cut off. */
  #settle(ts: string): void {
    const { paths, ops } = this
    const size = ops.lstatSync(paths.log, { throwIfNoEntry: false })?.size
    const head = readHead(paths.head)
    if (head === 'missing') {
      if (size !== undefined && size > 0) throw this.#damaged(paths.log, `its head (${paths.head}) is missing`)
      // The head exists before the first line, so a log without a head is never the work of a crash.
      writeFileAtomic(paths.head, encodeHead(EMPTY_HEAD))
    } else if (typeof head === 'object' && existsSync(segmentPath(paths, head.first))) {
      beginNext({ paths, ops, head, ts })
      return
    }
    if (size !== undefined) return
    if (typeof head === 'object' && head.seq > 0)
      throw this.#damaged(paths.log, `it held ${head.seq} records and is gone`)
    const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants
    ops.closeSync(ops.openSync(paths.log, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600))
    syncDirectory(paths.side)
    syncDirectory(paths.dir)
  }

  #checkSize(head: Head, size: number): void {
    if (size < head.size) throw this.#damaged(this.paths.log, `it was ${head.size} bytes long and lost its end`, size)
  }

  /** A chain must not be continued from a line that is not the one that was sealed. */
  #checkSealed(log: number, { size, hash }: Head): void {
    if (size === 0) return
    const from = Math.max(0, size - MAX_LINE)
    const bytes = readUpTo(this.ops, log, size - from, from)
    const line = bytes.subarray(bytes.lastIndexOf(0x0a, bytes.length - 2) + 1)
    if (sha256(line) !== hash) throw this.#damaged(this.paths.log, 'its last line is not the one that was sealed', size)
  }

  #readHead(fd: number): Head {
    const head = decodeHead(readUpTo(this.ops, fd, HEAD_BYTES + 1, 0))
    if (head) return head
    throw this.#damaged(this.paths.head, 'the head is not readable')
  }

  #openFile(path: string, flags: number): number {
    const fd = this.ops.openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | flags)
    try {
      assertSafeFile(path, this.ops.fstatSync(fd), { owner: lstatSync(this.paths.dir).uid })
      return fd
    } catch (error) {
      this.ops.closeSync(fd)
      throw error
    }
  }

  #damaged(path: string, problem: string, offset = 0): ClonedError {
    return new ClonedError('AUDIT_DAMAGED', { path, offset, problem })
  }
}

function isNamed(ops: FileOps, path: string, stats: Stats): boolean {
  const named = ops.lstatSync(path, { throwIfNoEntry: false })
  return named?.ino === stats.ino && named.dev === stats.dev
}
