// Reads one text file of the workspace, whole or not at all.
import { isUtf8 } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import { sha256 } from 'cloned/kernel'
import { openFile, type Root, segmentsOf } from './confine.js'
import { errnoOf, refuse, shown } from './refuse.js'

/** Largest file that is read or written, bytes. */
export const MAX_FILE_BYTES = 4 * 1024 * 1024

/** What `fs.read` answers. */
export interface ReadAnswer {
  readonly path: string
  readonly content: string
  /** Bytes. */
  readonly size: number
  /** SHA-256 of the bytes, hex. */
  readonly sha256: string
}

/** Reads a UTF-8 file of at most {@link MAX_FILE_BYTES}. */
export async function readText(root: Root, path: string, signal: AbortSignal): Promise<ReadAnswer> {
  const handle = await openFile(root, path)
  let bytes: Buffer
  try {
    const { size } = await handle.stat()
    if (size > MAX_FILE_BYTES) throw tooLarge(path, size)
    bytes = await readUpTo(handle, path, size, signal)
  } finally {
    await handle.close()
  }
  if (bytes.byteLength > MAX_FILE_BYTES) throw tooLarge(path, bytes.byteLength)
  if (!isUtf8(bytes)) throw refuse('FS_NOT_TEXT', { path: shown(path) })
  return {
    path: segmentsOf(path).join('/'),
    content: bytes.toString('utf8'),
    size: bytes.byteLength,
    sha256: sha256(bytes),
  }
}

/** Reads to the end, or one byte over the limit: the size is no promise, `/proc` files say 0 and logs grow. */
async function readUpTo(handle: FileHandle, path: string, size: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  let total = 0
  while (total <= MAX_FILE_BYTES) {
    signal.throwIfAborted()
    const want = Math.min(total === 0 ? size + 1 : 65_536, MAX_FILE_BYTES + 1 - total)
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(want), 0, want, null).catch((error: unknown) => {
      throw refuse('FS_FAILED', { path: shown(path), cause: errnoOf(error) })
    })
    if (bytesRead === 0) break
    chunks.push(buffer.subarray(0, bytesRead))
    total += bytesRead
  }
  return Buffer.concat(chunks)
}

/** The refusal of a file over the limit. */
export function tooLarge(path: string, size: number): Error {
  return refuse('FS_TOO_LARGE', { path: shown(path), size, limit: MAX_FILE_BYTES })
}
