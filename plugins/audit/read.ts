// Reads complete lines of the log in pieces; must never hold the whole file, create it or change it.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { ClonedError, type StoredRecord, sha256 } from 'cloned/kernel'
import { parseRecord } from './format.js'
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

/** Every complete line of the file as it is now. */
export async function* fileLines(path: string, from = 0): AsyncGenerator<readonly Line[], void> {
  const handle = await openForReading(path)
  if (!handle) return
  try {
    yield* readLines(handle, from, (await handle.stat()).size)
  } finally {
    await handle.close()
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

/** Where the last `count` complete lines begin. */
export async function lastLinesFrom(path: string, count: number): Promise<number> {
  const handle = await openForReading(path)
  if (!handle) return 0
  try {
    // The line feed before the first wanted line is the one after `count` others.
    let left = count + 1
    for (let end = (await handle.stat()).size; end > 0; ) {
      const start = Math.max(0, end - CHUNK)
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(end - start), 0, end - start, start)
      for (let i = bytesRead - 1; i >= 0; i--) {
        if (buffer[i] === 0x0a && --left === 0) return start + i + 1
      }
      end = start
    }
    return 0
  } finally {
    await handle.close()
  }
}
