// Cuts a stream of bytes into lines with their line feeds; must never hold more than one chunk and one line.
import { MAX_LINE } from './format.js'

/** How much is read at once, bytes. */
export const CHUNK = 256 * 1024

/** Collects lines across chunks. A line that grows over the limit is handed out as it is, for its reader to refuse. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0)

  /** What came after the last line feed. */
  get rest(): Buffer {
    return this.#rest
  }

  /** The lines that end in this chunk. The chunk must not be reused by the caller. */
  *push(chunk: Buffer): Generator<Buffer, void> {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let from = 0
    for (;;) {
      const end = bytes.indexOf(0x0a, from)
      if (end < 0) break
      yield bytes.subarray(from, end + 1)
      from = end + 1
    }
    this.#rest = bytes.subarray(from)
    if (this.#rest.length > MAX_LINE) {
      yield this.#rest
      this.#rest = Buffer.alloc(0)
    }
  }
}
