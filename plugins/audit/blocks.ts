// Reads a file of the log in blocks of whole lines; must never hold more than two blocks, whatever the file holds.
import type { FileHandle } from 'node:fs/promises'

const BLOCK = 256 * 1024

/**
 * Whole lines, the last byte being a line feed; or, at the end only, the beginning of a line that never ends. The bytes
 * are good until the next block is asked for.
 */
export interface Block {
  readonly bytes: Buffer
  /** Byte of the file at which the block begins. */
  readonly offset: number
}

/** The lines in bytes `from` to `to`. What follows the last line feed is handed out as a last block of its own. */
export async function* blocks(handle: FileHandle, from: number, to: number): AsyncGenerator<Block, void> {
  const buffers = [Buffer.allocUnsafe(BLOCK), Buffer.allocUnsafe(BLOCK)] as const
  let offset = from
  let reading = read(handle, buffers[0], offset, to)
  for (let i = 1; ; i++) {
    const bytes = await reading
    if (bytes.length === 0) return
    const whole = bytes.lastIndexOf(0x0a) + 1
    // A block without a line feed is longer than any line may be: its reader refuses it.
    const block = { bytes: whole === 0 ? bytes : bytes.subarray(0, whole), offset }
    offset += block.bytes.length
    // While this block is worked on, the disk is read.
    reading = read(handle, buffers[i % 2 === 0 ? 0 : 1], offset, to)
    reading.catch(() => {})
    yield block
    if (whole === 0) return
  }
}

async function read(handle: FileHandle, buffer: Buffer, from: number, to: number): Promise<Buffer> {
  const length = Math.min(BLOCK, to - from)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, from + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}
