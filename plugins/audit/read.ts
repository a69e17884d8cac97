// Reads complete lines of the log in pieces; must never hold the whole file, create it or change it.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { ClonedError, type StoredRecord, sha256 } from 'cloned/kernel'
import { MAX_LINE, parseRecord } from './format.js'
import { CHUNK, LineSplitter } from './lines.js'

/** A line with its line feed and where it begins. */
export interface Line {
  readonly bytes: Buffer
  readonly offset: number
}

/** Opens a file of the log for reading; `undefined` when there is none. */
export async function openForReading(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Lines that begin in `[from, to)`, a chunk's worth at a time. Bytes after the last line feed are left out. */
export async function* readLines(handle: FileHandle, from: number, to: number): AsyncGenerator<readonly Line[], void> {
  const splitter = new LineSplitter()
  let offset = from
  for (let at = from; at < to; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK), 0, Math.min(CHUNK, to - at), at)
    if (bytesRead === 0) return
    at += bytesRead
    const lines: Line[] = []
    for (const bytes of splitter.push(buffer.subarray(0, bytesRead))) {
      lines.push({ bytes, offset })
      offset += bytes.length
    }
    yield lines
  }
}

/** The record of a line. Throws `AUDIT_DAMAGED` for a line that is none; whether it is the right one, `verify` says. */
export function storedRecord(path: string, { bytes, offset }: Line): StoredRecord {
  const record = parseRecord(bytes)
  const seq = typeof record === 'string' ? undefined : record['seq']
  if (typeof record === 'string' || typeof seq !== 'number') {
    const problem = typeof record === 'string' ? record : 'a record has no seq'
    throw new ClonedError('AUDIT_DAMAGED', { path, offset, problem })
  }
  return { seq, hash: sha256(bytes), record }
}

/** Complete lines of a file, the last one first, a chunk's worth at a time. Throws `AUDIT_DAMAGED` for an endless one. */
export async function* linesFromEnd(path: string, handle: FileHandle): AsyncGenerator<readonly Line[], void> {
  // The beginning of what was read last: the end of a line whose beginning comes next. Undefined before any line feed.
  let carry: Buffer | undefined
  for (let end = (await handle.stat()).size; end > 0; ) {
    const offset = Math.max(0, end - CHUNK)
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(end - offset), 0, end - offset, offset)
    end = offset
    const read = buffer.subarray(0, bytesRead)
    const bytes = carry ? Buffer.concat([read, carry]) : read.subarray(0, read.lastIndexOf(0x0a) + 1)
    if (bytes.length === 0) continue
    const lines: Line[] = []
    let to = bytes.length
    for (let feed = before(bytes, to); feed >= 0; feed = before(bytes, to)) {
      lines.push({ bytes: bytes.subarray(feed + 1, to), offset: offset + feed + 1 })
      to = feed + 1
    }
    carry = bytes.subarray(0, to)
    if (offset === 0) lines.push({ bytes: carry, offset })
    else if (to > MAX_LINE) throw new ClonedError('AUDIT_DAMAGED', { path, offset, problem: 'a line has no end' })
    yield lines
  }
}

/** Index of the line feed before the line that ends at `to`, -1 for none. */
function before(bytes: Buffer, to: number): number {
  return to < 2 ? -1 : bytes.lastIndexOf(0x0a, to - 2)
}
