// Opens every file of the log as it is at one moment; must not miss a record while another process closes a file.
import type { FileHandle } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Head, readHead } from './head.js'
import type { AuditPaths } from './paths.js'
import { openForReading } from './read.js'
import { listSegments, type Segment } from './segments.js'

/** A file of the log, open for reading. */
export interface SnapshotFile {
  readonly name: string
  readonly handle: FileHandle
  /** `seq` of its first record. */
  readonly first: number
}

export interface Snapshot {
  readonly head: Head | 'missing' | 'unreadable'
  /** Oldest first. */
  readonly files: readonly SnapshotFile[]
  close(): Promise<void>
}

const FIRST = /^\{"v":1,"seq":([1-9][0-9]{0,15}),/

export async function openSnapshot(paths: AuditPaths): Promise<Snapshot> {
  // Head first: writers grow the log before they move the head, so what is opened later is never behind it.
  const head = readHead(paths.head)
  const files: SnapshotFile[] = []
  const close = async () => {
    for (const { handle } of files) await handle.close()
  }
  try {
    // Then the written file: a rotation in between only makes it appear among the segments as well.
    const handle = await openForReading(paths.log)
    const closed = listSegments(paths)
    const written = handle && { name: basename(paths.log), handle, first: await firstOf(handle, head, closed) }
    if (written) files.push(written)
    for (const { path, first } of closed) {
      if (written && first >= written.first) continue
      const segment = await openForReading(path)
      // Pruned since the directory was read.
      if (segment) files.push({ name: basename(path), handle: segment, first })
    }
  } catch (error) {
    await close()
    throw error
  }
  return { head, files: files.sort((a, b) => a.first - b.first), close }
}

/** The head knows it, unless a rotation was cut off before it was moved; then the file says it itself. */
async function firstOf(handle: FileHandle, head: Snapshot['head'], closed: readonly Segment[]): Promise<number> {
  if (typeof head === 'object' && !closed.some(({ first }) => first === head.first)) return head.first
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(32), 0, 32, 0)
  const digits = FIRST.exec(buffer.toString('latin1', 0, bytesRead))?.[1]
  return digits === undefined ? (closed.at(-1)?.first ?? 0) + 1 : Number(digits)
}
