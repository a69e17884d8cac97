// Computes the tree over lines and compares it with every checkpoint among them; must never judge a signature.
import { hash } from 'node:crypto'
import { parseCheckpoint } from './checkpoint.js'
import { isCheckpoint, MAX_LINE, PREFIX_BYTES, parseRecord } from './format.js'
import { CompactRange } from './merkle.js'
import { splitNote } from './note.js'

/** Bytes of an open file, whole lines. */
export interface Span {
  readonly fd: number
  readonly from: number
  readonly to: number
}

/** From where to go on: the tree over what was pruned. Hex, the largest subtree first. */
export interface TreeStart {
  readonly size: number
  readonly frontier: readonly string[]
}

/** What the tree says. */
export interface TreeReport {
  readonly size: number
  /** Roots by size, hex: those that were asked for. */
  readonly roots: ReadonlyMap<number, string>
  /** `seq` of the first checkpoint that does not fit the records before it. */
  readonly mismatch?: number
}

/** Reads bytes synchronously; `readUpTo` of the file operations. */
export type ReadBytes = (fd: number, into: Buffer, position: number) => number

const BLOCK = 256 * 1024

export class TreePass {
  readonly #range: CompactRange
  readonly #wanted: readonly number[]
  readonly #roots = new Map<number, string>()
  #mismatch: number | undefined
  #nextWanted = 0

  constructor({ size, frontier }: TreeStart, wanted: readonly number[]) {
    this.#range = CompactRange.from(
      size,
      frontier.map((each) => Buffer.from(each, 'hex')),
    )
    this.#wanted = [...new Set(wanted)].filter((each) => each >= size).sort((a, b) => a - b)
    this.#note()
  }

  report(): TreeReport {
    const mismatch = this.#mismatch === undefined ? {} : { mismatch: this.#mismatch }
    return { size: this.#range.size, roots: this.#roots, ...mismatch }
  }

  /** Goes through a span, a block at each step, so that a caller may do other things in between. */
  *run({ fd, from, to }: Span, read: ReadBytes): Generator<undefined, void> {
    // The first byte is room for the prefix of the first leaf.
    const buffer = Buffer.allocUnsafe(1 + BLOCK)
    for (let at = from; at < to; ) {
      const filled = read(fd, buffer.subarray(1, 1 + Math.min(BLOCK, to - at)), at)
      const whole = buffer.subarray(1, 1 + filled).lastIndexOf(0x0a) + 1
      // Cut or endless lines are the chain's to report.
      if (whole === 0) return
      this.#block(buffer, whole)
      at += whole
      yield
    }
  }

  #block(buffer: Buffer, length: number): void {
    for (let from = 1; from <= length; ) {
      const end = buffer.indexOf(0x0a, from) + 1
      const body = from + PREFIX_BYTES + String(this.#range.size + 1).length
      if (isCheckpoint(buffer, body)) this.#compare(buffer.subarray(from, end))
      // The byte before a line has been read; it takes the prefix of the leaf, which saves a copy of the line.
      buffer[from - 1] = 0
      const leaf = new Uint8Array(buffer.buffer, buffer.byteOffset + from - 1, end - from + 1)
      this.#range.append(Buffer.from(hash('sha256', leaf, 'hex'), 'hex'))
      if (this.#range.size === this.#wanted[this.#nextWanted]) this.#note()
      from = end
    }
  }

  #note(): void {
    if (this.#range.size !== this.#wanted[this.#nextWanted]) return
    this.#roots.set(this.#range.size, this.#range.root().toString('hex'))
    this.#nextWanted++
  }

  #compare(line: Buffer): void {
    if (this.#mismatch !== undefined || line.length > MAX_LINE) return
    const seq = this.#range.size + 1
    const record = parseRecord(line)
    const note = typeof record === 'string' ? '' : String(record['note'])
    if (!fits(note, this.#range)) this.#mismatch = seq
  }
}

function fits(note: string, range: CompactRange): boolean {
  try {
    return parseCheckpoint(splitNote(note).text).root.equals(range.root())
  } catch {
    return false
  }
}
