// Appends batches to the log, chained and synced; must never acknowledge a record that is not in the file.
import { randomUUID } from 'node:crypto'
import { ClonedError, describeThrown, type JsonObject, type Receipt, sha256, writeFileAtomic } from 'cloned/kernel'
import type { Batch, TreeState, Written } from './batch.js'
import { writeAll } from './file-ops.js'
import { encodeLine, encodeOwn, type Position } from './format.js'
import { encodeHead } from './head.js'
import { type LiveLog, LogFiles, type LogFilesOptions } from './log-files.js'
import { giveReserve, keepReserve } from './reserve.js'
import { firstRecord, rotate } from './rotate.js'
import { scanTail } from './tail.js'
import { Tree, type TreeTarget } from './tree.js'

export type { Batch, Written } from './batch.js'

export interface LogWriterOptions extends LogFilesOptions {
  /** What the first record of a new log says besides its type and time. Default: a random `log_id`. */
  readonly genesis?: JsonObject
  /** Keeps 1 MiB for the record that the disk is full. */
  readonly reserve?: boolean
}

/** The checkpoint file is replaced this often at most, milliseconds: each time takes two syncs. */
const PUBLISH_MS = 1_000
/** How much is hashed at once, bytes: about 10 ms. */
const TREE_BYTES = 4 * 1024 * 1024
/** How much is hashed after each batch, bytes. */
const TREE_STEP = 512 * 1024

/** The synchronous writer. After any failure it refuses everything: what the disk holds then is known to nobody. */
export class LogWriter {
  readonly #options: LogWriterOptions
  readonly #files: LogFiles
  readonly #tree: Tree
  #poison: unknown
  /** The end of the log after the last batch of this writer. */
  #end: TreeTarget | undefined
  #begin: JsonObject = {}
  /** A checkpoint whose file is not written yet. */
  #unpublished: { readonly note: string; readonly tree: string; readonly publish: boolean } | undefined
  #publishedAt = Number.NEGATIVE_INFINITY
  #reserved = false
  #treeFailed = false

  constructor(options: LogWriterOptions) {
    this.#options = options
    this.#files = new LogFiles(options)
    this.#tree = new Tree(options.paths)
  }

  /** Makes a batch durable with one sync. Throws on the first failure and, with the same cause, ever after. */
  write(batch: Batch): Written {
    return this.#guarded(() => this.#files.locked(batch.ts, (live) => this.#append(live, batch)))
  }

  /** The same without waiting for other writers: `undefined`, and nothing is written, when one is at work. */
  writeNow(batch: Batch): Written | undefined {
    return this.#guarded(() => this.#files.lockedNow(batch.ts, (live) => this.#append(live, batch)))
  }

  /** Closes the file that begins with record `first` and begins the next; `false` when another writer has done so. */
  rotate(first: number, ts: string): boolean {
    return this.#guarded(() =>
      this.#files.locked(ts, (live) => {
        if (live.head.first !== first || live.size !== live.head.size) return false
        this.#end = undefined
        this.#files.release()
        const { paths, ops } = this.#files
        rotate({ paths, ops, head: live.head, ts })
        return true
      }),
    )
  }

  /** The tree over every record up to the last batch; `undefined` when that takes longer than a moment: ask again. */
  tree(): TreeState | undefined {
    const end = this.#end
    if (!end || !this.#advance(end, TREE_BYTES)) return undefined
    const { range } = this.#tree
    if (!range || range.size !== end.seq) return undefined
    const frontier = range.frontier().map((hash) => hash.toString('hex'))
    return { size: range.size, root: range.root().toString('hex'), frontier, ...this.#origin() }
  }

  /** What nobody waits for, after an answer is out. A failure leaves the log itself unharmed. `all`: to the end. */
  afterwards(all = false): void {
    if (this.#poison !== undefined) return
    const { paths } = this.#files
    const now = performance.now()
    if (this.#unpublished && (all || this.#unpublished.publish || now - this.#publishedAt >= PUBLISH_MS)) {
      const { note, tree } = this.#unpublished
      this.#unpublished = undefined
      this.#publishedAt = now
      writeFileAtomic(paths.tree, tree)
      writeFileAtomic(paths.checkpoint, note)
    }
    if (this.#end && 'origin' in this.#begin) this.#advance(this.#end, TREE_STEP)
    if (this.#options.reserve && !this.#reserved) {
      this.#reserved = true
      keepReserve(paths)
    }
  }

  close(): void {
    this.#poison ??= new ClonedError('AUDIT_CLOSED', {})
    this.#files.close()
  }

  #guarded<T>(work: () => T): T {
    if (this.#poison !== undefined) throw this.#poison
    try {
      return work()
    } catch (error) {
      this.#poison = error ?? new Error('unknown failure')
      throw this.#poison
    }
  }

  #append(live: LiveLog, batch: Batch): Written {
    const { ops } = this.#files
    const { at, own } = this.#recover(live, batch)
    const checkpointed = batch.checkpoint !== undefined && own.length === 0 && at.seq === batch.checkpoint.size
    if (batch.checkpoint && checkpointed) {
      const { size, note, publish = false } = batch.checkpoint
      own.push(encodeOwn({ ts: batch.ts, type: 'log.checkpoint', note }))
      if (this.#tree.size === size) this.#unpublished = { note, tree: this.#tree.save(), publish }
    }
    own.push(...(batch.own ?? []))
    const lines: string[] = []
    const receipts: Receipt[] = []
    let { seq, hash } = at
    for (const bodies of [own, batch.bodies]) {
      for (const body of bodies) {
        const encoded = encodeLine(body, ++seq, hash)
        hash = encoded.hash
        lines.push(encoded.line)
        if (bodies === batch.bodies) receipts.push({ seq, hash, durable: true })
      }
    }
    if (lines.length === 0) return this.#written(live, at, [], false)
    // One buffer: gathering many small ones in the kernel is slower from some hundred lines on.
    const bytes = Buffer.from(lines.join(''))
    try {
      writeAll(ops, live.log, bytes, null)
      ops.fdatasyncSync(live.log)
    } catch (error) {
      throw this.#undone(live, at, batch.ts, error)
    }
    const end = { seq, hash, size: at.size + bytes.length }
    // Not synced: a head that is too old after a power cut only makes the next writer read the tail again.
    writeAll(ops, live.headFd, encodeHead({ ...end, first: live.head.first }), 0)
    return this.#written(live, end, receipts, checkpointed)
  }

  #written(
    { log, head: { first } }: LiveLog,
    end: Position,
    receipts: readonly Receipt[],
    checkpointed: boolean,
  ): Written {
    if (this.#end?.first !== first) this.#begin = firstRecord(this.#files.ops, log)
    this.#end = { fd: log, first, seq: end.seq, size: end.size }
    const began = String(this.#begin['ts'] ?? '')
    return { receipts, size: end.seq, bytes: end.size, first, began, checkpointed }
  }

  /** Where to go on, and the records of the log's own that come first. */
  #recover(live: LiveLog, { ts, recovering }: Batch): { at: Position; own: string[] } {
    const { ops, paths } = this.#files
    const { end, torn } = scanTail(ops, live.log, live.head, live.size, paths.log)
    if (torn.length > 0) {
      ops.ftruncateSync(live.log, end.size)
      ops.fsyncSync(live.log)
    }
    const own =
      end.seq === 0 ? [encodeOwn({ ts, type: 'log.genesis', log_id: randomUUID(), ...this.#options.genesis })] : []
    if (torn.length > 0 || recovering !== undefined) {
      const cause = recovering === undefined ? {} : { cause: recovering }
      const dropped = { dropped_bytes: torn.length, dropped_sha256: sha256(torn) }
      own.push(encodeOwn({ ts, type: 'log.recover', ...dropped, last_seq: end.seq, ...cause }))
    }
    return { at: end, own }
  }

  /**
   * Takes an unacknowledged batch back out of the file. After a failed sync the kernel forgets that its pages were
   * never written: a later writer would read them from memory, build on them, and a power cut would leave a hole.
   */
  #undone(live: LiveLog, at: Position, ts: string, error: unknown): unknown {
    try {
      this.#files.ops.ftruncateSync(live.log, at.size)
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOSPC' || code === 'EDQUOT') this.#lastWords(live, at, ts)
      return error
    } catch (also) {
      return new AggregateError([error, also], `${describeThrown(error)}; then ${describeThrown(also)}`)
    }
  }

  #lastWords(live: LiveLog, at: Position, ts: string): void {
    const { ops, paths } = this.#files
    giveReserve(paths)
    this.#reserved = false
    if (at.seq === 0) return
    const { line, hash } = encodeLine(encodeOwn({ ts, type: 'log.close', reason: 'disk_full' }), at.seq + 1, at.hash)
    const bytes = Buffer.from(line)
    writeAll(ops, live.log, bytes, null)
    ops.fdatasyncSync(live.log)
    writeAll(
      ops,
      live.headFd,
      encodeHead({ seq: at.seq + 1, hash, size: at.size + bytes.length, first: live.head.first }),
      0,
    )
  }

  #origin(): { origin?: string } {
    const { origin } = this.#begin
    return typeof origin === 'string' ? { origin } : {}
  }

  /** After a failure the tree is left alone: what cannot be computed now cannot be signed, and is told once. */
  #advance(end: TreeTarget, budget: number): boolean {
    if (this.#treeFailed) return false
    try {
      return this.#tree.advance(end, budget)
    } catch (error) {
      this.#treeFailed = true
      throw error
    }
  }
}
