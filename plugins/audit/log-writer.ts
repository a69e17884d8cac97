// Appends batches to the log file, chained and synced; must never acknowledge a record that is not in the file.
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { ClonedError, LockFile, type Receipt, sha256, syncDirectory, writeFileAtomic } from 'cloned/kernel'
import { type FileOps, REAL_OPS, readUpTo, writeAll } from './file-ops.js'
import { encodeLine, encodeOwn, type Position, START } from './format.js'
import { decodeHead, encodeHead, HEAD_BYTES, readHead } from './head.js'
import { type AuditPaths, assertSafe, assertSafeFile } from './paths.js'
import { scanTail } from './tail.js'

/** What is appended at once: serialised records without their opening brace, in order. */
export interface Batch {
  /** The time of the records that the log itself adds, ISO 8601. */
  readonly ts: string
  readonly bodies: readonly string[]
}

/** A lock among all writers of the log. */
export type WriterLock = Pick<LockFile, 'lock' | 'unlock' | 'close'>

export interface LogWriterOptions {
  readonly paths: AuditPaths
  /** How long to wait for other writers, milliseconds. */
  readonly lockMs?: number
  readonly ops?: FileOps
  readonly openLock?: (path: string) => WriterLock
}

interface Opened {
  readonly lock: WriterLock
  readonly log: number
  readonly head: number
}

/** The synchronous writer. After any failure it refuses everything: what the disk holds then is known to nobody. */
export class LogWriter {
  readonly #options: LogWriterOptions
  readonly #ops: FileOps
  #opened: Opened | undefined
  #poison: unknown

  constructor(options: LogWriterOptions) {
    this.#options = options
    this.#ops = options.ops ?? REAL_OPS
  }

  /** Makes a batch durable with one sync. Throws on the first failure and, with the same cause, ever after. */
  write(batch: Batch): readonly Receipt[] {
    if (this.#poison !== undefined) throw this.#poison
    try {
      this.#opened ??= this.#open()
      const { lock } = this.#opened
      lock.lock(this.#options.lockMs ?? 10_000)
      try {
        return this.#append(this.#opened, batch)
      } finally {
        lock.unlock()
      }
    } catch (error) {
      this.#poison = error ?? new Error('unknown failure')
      throw this.#poison
    }
  }

  close(): void {
    const opened = this.#opened
    this.#opened = undefined
    this.#poison ??= new ClonedError('AUDIT_CLOSED', {})
    if (!opened) return
    opened.lock.close()
    this.#ops.closeSync(opened.log)
    this.#ops.closeSync(opened.head)
  }

  #append({ log, head }: Opened, batch: Batch): readonly Receipt[] {
    const { at, first } = this.#recover(log, this.#readHead(head), batch.ts)
    const lines: string[] = []
    const receipts: Receipt[] = []
    let { seq, hash } = at
    for (const body of [...first, ...batch.bodies]) {
      seq++
      const encoded = encodeLine(body, seq, hash)
      hash = encoded.hash
      lines.push(encoded.line)
      receipts.push({ seq, hash, durable: true })
    }
    // One buffer: gathering many small ones in the kernel is slower from some hundred lines on.
    const bytes = Buffer.from(lines.join(''))
    writeAll(this.#ops, log, bytes, null)
    this.#ops.fdatasyncSync(log)
    // Not synced: a head that is too old after a power cut only makes the next writer read the tail again.
    writeAll(this.#ops, head, encodeHead({ seq, hash, size: at.size + bytes.length }), 0)
    return receipts.slice(first.length)
  }

  /** Where to go on, and the records of the log's own that come first. */
  #recover(log: number, head: Position, ts: string): { at: Position; first: string[] } {
    const { paths } = this.#options
    const stats = this.#ops.fstatSync(log)
    const named = this.#ops.lstatSync(paths.log, { throwIfNoEntry: false })
    const damaged = (problem: string) =>
      new ClonedError('AUDIT_DAMAGED', { path: paths.log, offset: stats.size, problem })
    if (named?.ino !== stats.ino || named.dev !== stats.dev) throw damaged('it was moved or replaced while it was open')
    if (stats.size < head.size) throw damaged(`it was ${head.size} bytes long and lost its end`)
    const { end, torn } = scanTail(this.#ops, log, head, stats.size, paths.log)
    if (torn.length > 0) {
      this.#ops.ftruncateSync(log, end.size)
      this.#ops.fsyncSync(log)
      const note = {
        ts,
        type: 'log.recover',
        dropped_bytes: torn.length,
        dropped_sha256: sha256(torn),
        last_seq: end.seq,
      }
      return { at: end, first: end.seq === 0 ? [this.#genesis(ts), encodeOwn(note)] : [encodeOwn(note)] }
    }
    return { at: end, first: end.seq === 0 ? [this.#genesis(ts)] : [] }
  }

  #genesis(ts: string): string {
    return encodeOwn({ ts, type: 'log.genesis', log_id: randomUUID() })
  }

  #readHead(fd: number): Position {
    const head = decodeHead(readUpTo(this.#ops, fd, HEAD_BYTES + 1, 0))
    if (head) return head
    throw new ClonedError('AUDIT_DAMAGED', {
      path: this.#options.paths.head,
      offset: 0,
      problem: 'the head is not readable',
    })
  }

  #open(): Opened {
    const { paths, openLock = (path) => new LockFile(path) } = this.#options
    assertSafe(paths)
    this.#ops.mkdirSync(paths.side, { recursive: true, mode: 0o700 })
    const lock = openLock(paths.lock)
    const fds: number[] = []
    try {
      lock.lock(this.#options.lockMs ?? 10_000)
      try {
        this.#create()
        fds.push(this.#openFile(paths.log, constants.O_APPEND), this.#openFile(paths.head, 0))
      } finally {
        lock.unlock()
      }
      const [log = -1, head = -1] = fds
      return { lock, log, head }
    } catch (error) {
      for (const fd of fds) this.#ops.closeSync(fd)
      lock.close()
      throw error
    }
  }

  /** Makes a new log. The head exists before the first line, so a log without a head is never the work of a crash. */
  #create(): void {
    const { paths } = this.#options
    const lost = (path: string, problem: string) => new ClonedError('AUDIT_DAMAGED', { path, offset: 0, problem })
    const size = this.#ops.lstatSync(paths.log, { throwIfNoEntry: false })?.size
    const head = readHead(paths.head)
    if (head === 'missing') {
      if (size !== undefined && size > 0) throw lost(paths.log, `its head (${paths.head}) is missing`)
      writeFileAtomic(paths.head, encodeHead(START))
    }
    if (size !== undefined) return
    if (typeof head === 'object' && head.seq > 0) throw lost(paths.log, `it held ${head.seq} records and is gone`)
    const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants
    this.#ops.closeSync(this.#ops.openSync(paths.log, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600))
    syncDirectory(paths.side)
    syncDirectory(paths.dir)
  }

  #openFile(path: string, flags: number): number {
    const fd = this.#ops.openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | flags)
    try {
      assertSafeFile(path, this.#ops.fstatSync(fd), { owner: this.#ops.lstatSync(this.#options.paths.dir).uid })
      return fd
    } catch (error) {
      this.#ops.closeSync(fd)
      throw error
    }
  }
}
