// Reads the log across its files, closed ones and the one that is written; must not miss a record while one is closed.
import type { FileHandle } from 'node:fs/promises'
import type { StoredRecord } from 'cloned/kernel'
import { MAX_LINE, parseRecord } from './format.js'
import type { AuditPaths } from './paths.js'
import { type Line, linesFromEnd, openForReading, readLines, storedRecord } from './read.js'
import { seekTo } from './seek.js'
import { listSegments } from './segments.js'

/** A place in the log: byte `offset` of the file that begins with record `first`. */
export interface Cursor {
  readonly first: number
  readonly offset: number
}

/** One file of the log, open. */
interface OpenFile {
  readonly path: string
  readonly first: number
  readonly handle: FileHandle
}

/** Lines of one file. */
export interface FileLines {
  readonly path: string
  readonly first: number
  readonly lines: readonly Line[]
}

/** Every complete line from `cursor` on, oldest first. */
export async function* logLines(paths: AuditPaths, cursor?: Cursor): AsyncGenerator<FileLines, void> {
  for await (const { path, first, handle } of openFiles(paths, cursor?.first ?? 0, false)) {
    const from = first === cursor?.first ? cursor.offset : 0
    const { size } = await handle.stat()
    for await (const lines of readLines(handle, from, size)) yield { path, first, lines }
  }
}

/** Complete lines, oldest first, from a place at or shortly before record `seq` on. */
export async function* logLinesSince(paths: AuditPaths, seq: number): AsyncGenerator<FileLines, void> {
  for await (const { path, first, handle } of openFiles(paths, seq, false)) {
    const { size } = await handle.stat()
    const from = first < seq ? await seekTo(handle, seq, size) : 0
    for await (const lines of readLines(handle, from, size)) yield { path, first, lines }
  }
}

/** Every complete line, newest first. */
export async function* logLinesFromEnd(paths: AuditPaths): AsyncGenerator<FileLines, void> {
  for await (const { path, first, handle } of openFiles(paths, 0, true)) {
    for await (const lines of linesFromEnd(path, handle)) yield { path, first, lines }
  }
}

/** The last `count` records, oldest first, and the place after them. */
export async function lastRecords(
  paths: AuditPaths,
  count: number,
): Promise<{ records: StoredRecord[]; next: Cursor }> {
  const records: StoredRecord[] = []
  let next: Cursor | undefined
  for await (const { path, first, lines } of logLinesFromEnd(paths)) {
    for (const line of lines) {
      next ??= { first, offset: line.offset + line.bytes.length }
      records.push(storedRecord(path, line))
      if (records.length === count) return { records: records.reverse(), next }
    }
  }
  return { records: records.reverse(), next: next ?? { first: 1, offset: 0 } }
}

/** Complete records from `cursor` on, at most `limit`, and the place after them. */
export async function recordsSince(
  paths: AuditPaths,
  cursor: Cursor,
  limit: number,
): Promise<{ records: StoredRecord[]; next: Cursor }> {
  const records: StoredRecord[] = []
  let next = cursor
  for await (const { path, first, lines } of logLines(paths, cursor)) {
    for (const line of lines) {
      records.push(storedRecord(path, line))
      next = { first, offset: line.offset + line.bytes.length }
      if (records.length === limit) return { records, next }
    }
  }
  return { records, next }
}

/** Files that may hold records from `from` on, each open while it is the current one. */
async function* openFiles(paths: AuditPaths, from: number, newestFirst: boolean): AsyncGenerator<OpenFile, void> {
  // The written file first: a rotation then only makes it appear a second time, as a segment.
  const handle = await openForReading(paths.log)
  try {
    const first = handle && (await firstSeq(handle))
    const current: OpenFile[] = handle && first !== undefined ? [{ path: paths.log, first, handle }] : []
    const closed = listSegments(paths).filter((segment) => first === undefined || segment.first < first)
    const begin = Math.max(
      0,
      closed.findLastIndex((segment) => segment.first <= from),
    )
    const wanted = closed.slice(first !== undefined && first <= from ? closed.length : begin)
    if (newestFirst) {
      yield* current
      wanted.reverse()
    }
    for (const { path, first } of wanted) {
      const segment = await openForReading(path)
      // Pruned since the directory was read.
      if (!segment) continue
      try {
        yield { path, first, handle: segment }
      } finally {
        await segment.close()
      }
    }
    if (!newestFirst) yield* current
  } finally {
    await handle?.close()
  }
}

async function firstSeq(handle: FileHandle): Promise<number | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(MAX_LINE), 0, MAX_LINE, 0)
  const record = parseRecord(buffer.subarray(0, buffer.subarray(0, bytesRead).indexOf(0x0a) + 1))
  return typeof record !== 'string' && typeof record['seq'] === 'number' ? record['seq'] : 1
}
