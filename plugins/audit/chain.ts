// Follows the chain through blocks of lines, fast and strictly; must never pass a line that two readers read differently.
import { isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'
import type { JsonObject } from 'cloned/kernel'
import type { Block } from './blocks.js'
import {
  checkLine,
  isOwn,
  MAX_LINE,
  type Position,
  PREFIX_BYTES,
  PREFIX_END,
  PREFIX_PREV,
  PREFIX_SEQ,
  parseRecord,
} from './format.js'

/** Why the chain does not go on after the last good line. */
export interface Break {
  readonly message: string
  /** The last line has no end: it was being written. */
  readonly torn?: true
}

/** Looks at a record of the log's own, or at the first of a file, before it counts; a text says what is wrong with it. */
export type OwnRecord = (record: JsonObject, before: Position) => string | undefined

export interface ChainOptions {
  readonly own: OwnRecord
  /** The record that was sealed: its hash must be this one. */
  readonly seal: { readonly seq: number; readonly hash: string }
  /** Reads every record as JSON. */
  readonly full?: boolean
}

export class Chain {
  /** After the last good line. `size` counts the bytes of the current file. */
  at: Position
  readonly #options: ChainOptions

  constructor(at: Position, options: ChainOptions) {
    this.at = at
    this.#options = options
  }

  /**
   * Goes on through a block. Every byte is hashed and every beginning compared. A line is parsed when it could say `v`,
   * `seq` or `prev` a second time, when it is the log's own, and with `full`; that the others are JSON follows from
   * their being what was written.
   */
  follow({ bytes }: Block): Break | undefined {
    const parseAll = this.#options.full === true || !isUtf8(bytes)
    const suspects = new Suspects(bytes)
    for (let from = 0, end = 0; from < bytes.length; from = end) {
      end = bytes.indexOf(0x0a, from) + 1
      if (end === 0) return unfinished(bytes.length - from)
      const { seq, hash: prev, size } = this.at
      const digits = String(seq + 1)
      const body = from + PREFIX_BYTES + digits.length
      const describes = size === 0 || isOwn(bytes, body)
      // Bytes are looked at where they lie: a string of every block would cost as much as its hash.
      const begins = beginsWith(bytes.toString('latin1', from, body), digits, prev)
      const sound = begins && bytes[end - 2] === 0x7d && end - from <= MAX_LINE
      // A view without the ways of a Buffer takes half the time to make.
      const line = new Uint8Array(bytes.buffer, bytes.byteOffset + from, end - from)
      if (describes || parseAll || !sound || suspects.within(body, end)) {
        const problem = this.#parse(Buffer.from(line.buffer, line.byteOffset, line.length), describes)
        if (problem !== undefined) return { message: problem }
      }
      const next = { seq: seq + 1, hash: hash('sha256', line, 'hex'), size: size + line.length }
      const { seal } = this.#options
      if (next.seq === seal.seq && next.hash !== seal.hash) {
        return { message: `record ${next.seq} is not the one that was sealed` }
      }
      this.at = next
    }
    return undefined
  }

  #parse(line: Buffer, describes: boolean): string | undefined {
    const checked = checkLine(line, this.at)
    if (typeof checked === 'string') return checked
    const record = describes ? parseRecord(line) : {}
    if (typeof record === 'string') return record
    return describes ? this.#options.own(record, this.at) : undefined
  }
}

/** Whether this is `linePrefix`, without making that. */
function beginsWith(begin: string, digits: string, prev: string): boolean {
  const at = PREFIX_SEQ.length + digits.length
  return (
    begin.startsWith(PREFIX_SEQ) &&
    begin.startsWith(digits, PREFIX_SEQ.length) &&
    begin.startsWith(PREFIX_PREV, at) &&
    begin.startsWith(prev, at + PREFIX_PREV.length) &&
    begin.endsWith(PREFIX_END)
  )
}

/** Looks in a block for what makes a line one to parse, and remembers what it found until that is passed. */
class Suspects {
  readonly #bytes: Buffer
  readonly #found: number[] = NEEDLES.map(() => -1)

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  within(from: number, to: number): boolean {
    for (const [i, needle] of NEEDLES.entries()) {
      let found = this.#found[i] ?? -1
      if (found < from) {
        found = this.#bytes.indexOf(needle, from)
        if (found < 0) found = Number.POSITIVE_INFINITY
        this.#found[i] = found
      }
      if (found < to) return true
    }
    return false
  }
}

// `"v"` and `"prev"` end in v", `"seq"` in q"; written with escapes they hold a backslash and a u.
const NEEDLES = ['v"', 'q"', '\\u', '\r'].map((needle) => Buffer.from(needle))

function unfinished(length: number): Break {
  if (length > MAX_LINE) return { message: `a line is longer than ${MAX_LINE} bytes` }
  return { message: `the last line is incomplete (${length} bytes)`, torn: true }
}
