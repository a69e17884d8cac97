// Closes the file that is written and begins the next one; the chain goes on, and a crash at any step can be continued.
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { basename } from 'node:path'
import { ClonedError, syncDirectory, writeFileAtomic } from 'cloned/kernel'
import { type FileOps, readUpTo, writeAll } from './file-ops.js'
import { encodeLine, encodeOwn, MAX_LINE, parseRecord } from './format.js'
import { encodeHead, type Head } from './head.js'
import { CHUNK } from './lines.js'
import type { AuditPaths } from './paths.js'
import { segmentPath } from './segments.js'
import { scanTail } from './tail.js'

interface Rotation {
  readonly paths: AuditPaths
  readonly ops: FileOps
  /** The head as it names the file that is being closed. */
  readonly head: Head
  readonly ts: string
}

/** Moves the file that is written, which must end at its head, among the segments and begins the next one. */
export function rotate(rotation: Rotation): void {
  const { paths, ops, head } = rotation
  const target = segmentPath(paths, head.first)
  ops.mkdirSync(paths.segments, { recursive: true, mode: 0o700 })
  ops.chmodSync(paths.log, 0o400)
  ops.renameSync(paths.log, target)
  syncDirectory(paths.segments)
  syncDirectory(paths.side)
  beginNext(rotation)
}

/**
 * Begins the file after a segment that has just been closed, or finds that this was done before a crash; then moves the
 * head. Reads the segment whole: its digest stands in the first record of the next file.
 */
export function beginNext({ paths, ops, head, ts }: Rotation): void {
  const closed = segmentPath(paths, head.first)
  const { end, digest, first } = readSegment(ops, closed, head)
  if (!ops.lstatSync(paths.log, { throwIfNoEntry: false })) {
    const record = {
      ts,
      type: 'log.segment',
      segment: basename(closed),
      sha256: digest,
      size: end.size,
      last_seq: end.seq,
      ...Object.fromEntries(['log_id', 'origin'].flatMap((key) => (key in first ? [[key, first[key]]] : []))),
    }
    writeFileAtomic(
      paths.log,
      encodeLine(encodeOwn(record as Parameters<typeof encodeOwn>[0]), end.seq + 1, end.hash).line,
    )
  }
  const fd = ops.openSync(paths.head, constants.O_RDWR | constants.O_NOFOLLOW)
  try {
    // The next writer finds the first record behind this head, and follows the chain to it.
    writeAll(ops, fd, encodeHead({ ...end, size: 0, first: end.seq + 1 }), 0)
    ops.fdatasyncSync(fd)
  } finally {
    ops.closeSync(fd)
  }
}

function readSegment(ops: FileOps, path: string, head: Head) {
  const fd = ops.openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const { size } = ops.fstatSync(fd)
    const { end, torn } = scanTail(ops, fd, head, size, path)
    if (torn.length > 0)
      throw new ClonedError('AUDIT_DAMAGED', { path, offset: end.size, problem: 'it was closed torn' })
    return { end, digest: digestOf(ops, fd, size), first: firstRecord(ops, fd) }
  } finally {
    ops.closeSync(fd)
  }
}

function digestOf(ops: FileOps, fd: number, size: number): string {
  const hash = createHash('sha256')
  for (let at = 0; at < size; at += CHUNK) hash.update(readUpTo(ops, fd, Math.min(CHUNK, size - at), at))
  return hash.digest('hex')
}

/** The first record of a file of the log, empty when it has none. Names the log it belongs to. */
export function firstRecord(ops: FileOps, fd: number) {
  const bytes = readUpTo(ops, fd, MAX_LINE, 0)
  const record = parseRecord(bytes.subarray(0, bytes.indexOf(0x0a) + 1))
  return typeof record === 'string' ? {} : record
}
