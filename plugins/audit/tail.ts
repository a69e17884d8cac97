// Decides what of the bytes behind the head belongs to the chain; must never drop a complete line.
import { ClonedError } from 'cloned/kernel'
import { type FileOps, readUpTo } from './file-ops.js'
import { checkLine, type Position } from './format.js'
import { CHUNK, LineSplitter } from './lines.js'

/** Where the chain ends, and what an interrupted write left behind it. */
export interface Tail {
  readonly end: Position
  readonly torn: Buffer
}

/**
 * Follows the chain from `from` to byte `size`. Complete lines that chain are part of the log: their writer died before
 * it moved the head. Throws `AUDIT_DAMAGED` for a complete line that does not chain.
 */
export function scanTail(ops: FileOps, fd: number, from: Position, size: number, path: string): Tail {
  const lines = new LineSplitter()
  let end = from
  for (let at = from.size; at < size; ) {
    const chunk = readUpTo(ops, fd, Math.min(CHUNK, size - at), at)
    if (chunk.length === 0) throw new ClonedError('AUDIT_DAMAGED', { path, offset: at, problem: 'the file shrank' })
    at += chunk.length
    for (const line of lines.push(chunk)) {
      const checked = checkLine(line, end)
      if (typeof checked === 'string') {
        throw new ClonedError('AUDIT_DAMAGED', { path, offset: end.size, problem: checked })
      }
      end = { seq: end.seq + 1, hash: checked.hash, size: end.size + line.length }
    }
  }
  return { end, torn: lines.rest }
}
