// Names every file operation of the writer, so that a test can make each of them fail; adds no behaviour.
import * as fs from 'node:fs'

/** The operations of `node:fs` that the writer uses, and no other. */
export type FileOps = Pick<
  typeof fs,
  | 'chmodSync'
  | 'closeSync'
  | 'fdatasyncSync'
  | 'fstatSync'
  | 'fsyncSync'
  | 'ftruncateSync'
  | 'lstatSync'
  | 'mkdirSync'
  | 'openSync'
  | 'readSync'
  | 'renameSync'
  | 'rmSync'
  | 'writeSync'
>

export const REAL_OPS: FileOps = fs

/** Writes every byte; a short write is legal and goes on, a write of nothing is an error. */
export function writeAll(ops: FileOps, fd: number, bytes: Buffer, position: number | null): void {
  for (let at = 0; at < bytes.length; ) {
    const written = ops.writeSync(fd, bytes, at, bytes.length - at, position === null ? null : position + at)
    if (!(written > 0)) throw new Error(`write accepted ${written} of ${bytes.length - at} bytes`)
    at += written
  }
}

/** Reads up to `length` bytes from `position`; fewer only at the end of the file. */
export function readUpTo(ops: FileOps, fd: number, length: number, position: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const read = ops.readSync(fd, bytes, filled, length - filled, position + filled)
    if (read === 0) break
    filled += read
  }
  return bytes.subarray(0, filled)
}
