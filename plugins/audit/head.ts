// Decides how the head file states up to where the log is sealed; must never guess a head that it cannot read.
import { lstatSync, readFileSync } from 'node:fs'
import { type Position, START } from './format.js'

const HEAD = /^cloned-audit-head 1 (\d{16}) (\d{16}) (\d{16}) ([0-9a-f]{64})\n$/

/** The end of the log: `size` is that of the file that is written now. */
export interface Head extends Position {
  /** `seq` of the first record of that file. */
  readonly first: number
}

/** The head of a log without records. */
export const EMPTY_HEAD: Head = Object.freeze({ ...START, first: 1 })

/** Length of a head, bytes. Fixed, so that it is overwritten in place by one small write. */
export const HEAD_BYTES = 'cloned-audit-head 1 '.length + 3 * (16 + 1) + 64 + 1

export function encodeHead({ seq, size, first, hash }: Head): Buffer {
  const digits = (value: number) => String(value).padStart(16, '0')
  return Buffer.from(`cloned-audit-head 1 ${digits(seq)} ${digits(size)} ${digits(first)} ${hash}\n`)
}

/** `undefined` when the bytes are not a head. */
export function decodeHead(bytes: Buffer): Head | undefined {
  const match = bytes.length === HEAD_BYTES ? HEAD.exec(bytes.toString('latin1')) : null
  return match
    ? { seq: Number(match[1]), size: Number(match[2]), first: Number(match[3]), hash: String(match[4]) }
    : undefined
}

/** Reads a head that writers may be replacing. `'missing'` and `'unreadable'` are answers, other failures are thrown. */
export function readHead(path: string): Head | 'missing' | 'unreadable' {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (!stats) return 'missing'
  if (!stats.isFile() || stats.size !== HEAD_BYTES) return 'unreadable'
  // A read beside a write may mix old and new bytes; two equal readings do not.
  for (let attempt = 0, last = ''; attempt < 8; attempt++) {
    const bytes = readFileSync(path)
    const text = bytes.toString('latin1')
    if (text === last) return decodeHead(bytes) ?? 'unreadable'
    last = text
  }
  return 'unreadable'
}
