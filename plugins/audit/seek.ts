// Finds where in a file of the log a record begins, without reading what lies before; must never land behind it.
import type { FileHandle } from 'node:fs/promises'
import { MAX_LINE, PREFIX_SEQ } from './format.js'

/** A search goes on until so little is left that reading it costs no more than another step. */
const ENOUGH = 4 * MAX_LINE

/** An offset at which a line begins, at or before the first record whose number is `seq` or more. */
export async function seekTo(handle: FileHandle, seq: number, size: number): Promise<number> {
  let low = 0
  let high = size
  const buffer = Buffer.allocUnsafe(2 * MAX_LINE)
  while (high - low > ENOUGH) {
    const middle = low + Math.floor((high - low) / 2)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, middle)
    const found = firstLine(buffer.subarray(0, bytesRead))
    // What is no record, or not where it should be, is not skipped: whoever reads it says so.
    if (!found) return low
    if (found.seq > seq) high = middle
    else low = middle + found.at
  }
  return low
}

/** The first line that begins in these bytes, behind the end of the one before. */
function firstLine(bytes: Buffer): { at: number; seq: number } | undefined {
  const at = bytes.indexOf(0x0a) + 1
  const digits = bytes.toString('latin1', at + PREFIX_SEQ.length, at + PREFIX_SEQ.length + 17)
  const seq = Number.parseInt(digits, 10)
  if (at === 0 || bytes.toString('latin1', at, at + PREFIX_SEQ.length) !== PREFIX_SEQ) return undefined
  return Number.isSafeInteger(seq) ? { at, seq } : undefined
}
