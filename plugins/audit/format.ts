// Decides what one line of the log looks like, byte for byte; must never accept a line in a second spelling.
import { isUtf8 } from 'node:buffer'
import { type AuditRecord, ClonedError, describeThrown, type JsonObject, sha256 } from 'cloned/kernel'

/** Longest line with its line feed, bytes. */
export const MAX_LINE = 64 * 1024
/** `prev` of the first line. */
export const ZERO_HASH = '0'.repeat(64)

const PREFIX = /^\{"v":1,"seq":(0|[1-9][0-9]*),"prev":"([0-9a-f]{64})",/

/** The parts of a prefix around the digits of `seq` and the hash, and the length of it less those digits. */
export const PREFIX_SEQ = '{"v":1,"seq":'
export const PREFIX_PREV = ',"prev":"'
export const PREFIX_END = '",'
export const PREFIX_BYTES = PREFIX_SEQ.length + PREFIX_PREV.length + ZERO_HASH.length + PREFIX_END.length
// With 16 digits of seq.
const MAX_PREFIX = PREFIX_BYTES + 16

// The log's own records begin with their time, of 24 characters, and type: so they are found without parsing every line.
const OWN = Buffer.from('","type":"log.')
const OWN_AT = '"ts":"'.length + 24
const CHECKPOINT = Buffer.from('checkpoint"')

/** Whether the record whose prefix ends at byte `body` is the log's own. */
export function isOwn(bytes: Buffer, body: number): boolean {
  const at = body + OWN_AT
  // Most records fail on the one byte.
  return bytes[at + OWN.length - 1] === 0x2e && bytes.subarray(at, at + OWN.length).equals(OWN)
}

/** Whether it is a checkpoint. */
export function isCheckpoint(bytes: Buffer, body: number): boolean {
  const at = body + OWN_AT + OWN.length
  return isOwn(bytes, body) && bytes.subarray(at, at + CHECKPOINT.length).equals(CHECKPOINT)
}

const TYPE = /^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*$/

/** A place in the chain: after line `seq`, whose hash is `hash`, at byte `size`. */
export interface Position {
  readonly seq: number
  readonly hash: string
  readonly size: number
}

/** The place before the first line. */
export const START: Position = Object.freeze({ seq: 0, hash: ZERO_HASH, size: 0 })

/**
 * The text of a caller's record without its opening brace. Throws `AUDIT_RECORD_INVALID` for what the log could not
 * give back as it was handed in, and `AUDIT_RECORD_TOO_LARGE` for what does not fit a line.
 */
export function encodeRecord(record: AuditRecord): string {
  const type = typeof record?.type === 'string' ? record.type : '?'
  const invalid = (problem: string) => new ClonedError('AUDIT_RECORD_INVALID', { type, problem })
  if (!TYPE.test(type)) throw invalid('its type is not dotted lower case')
  if (type.startsWith('log.')) throw invalid('types that start with "log." belong to the log itself')
  if (typeof record.ts !== 'string' || record.ts === '') throw invalid('it has no ts')
  for (const key of ['v', 'seq', 'prev']) if (Object.hasOwn(record, key)) throw invalid(`it carries the key "${key}"`)
  // What toJSON answers would be written instead of what was checked above.
  if (typeof record['toJSON'] === 'function') throw invalid('it has a toJSON method')
  let text: string
  try {
    text = JSON.stringify(record)
  } catch (error) {
    throw new ClonedError('AUDIT_RECORD_INVALID', { type, problem: describeThrown(error) }, { cause: error })
  }
  const bytes = text.length * 3 + MAX_PREFIX <= MAX_LINE ? 0 : Buffer.byteLength(text) + MAX_PREFIX
  if (bytes > MAX_LINE) throw new ClonedError('AUDIT_RECORD_TOO_LARGE', { type, bytes, limit: MAX_LINE })
  return text.slice(1)
}

/** The text of a record of the log's own, without its opening brace. */
export function encodeOwn(record: JsonObject): string {
  return JSON.stringify(record).slice(1)
}

/** The line of a record at its place in the chain, with its hash. */
export function encodeLine(body: string, seq: number, prev: string): { line: string; hash: string } {
  const line = `${linePrefix(seq, prev)}${body}\n`
  return { line, hash: sha256(line) }
}

/** Whether a line, given with its line feed, may follow `after`; a text says why not. Reads every byte. */
export function checkLine(line: Buffer, after: Position): { hash: string } | string {
  if (line.length > MAX_LINE) return `a line is longer than ${MAX_LINE} bytes`
  const seq = after.seq + 1
  const prefix = linePrefix(seq, after.hash)
  // A line has one spelling, so its beginning is compared and not read: the regular expression only words the problem.
  if (line.toString('latin1', 0, prefix.length) !== prefix) return wrongPrefix(line, seq)
  const record = parseRecord(line)
  if (typeof record === 'string') return record
  // JSON lets a later duplicate win: a second "seq" would make readers see another record than the chain does.
  if (record['v'] !== 1 || record['seq'] !== seq || record['prev'] !== after.hash) return `record ${seq} repeats a key`
  if (typeof record['type'] !== 'string' || typeof record['ts'] !== 'string') return `record ${seq} has no type or ts`
  return { hash: sha256(line) }
}

/** How the line of record `seq` begins, and no other way. */
export function linePrefix(seq: number, prev: string): string {
  return `${PREFIX_SEQ}${seq}${PREFIX_PREV}${prev}${PREFIX_END}`
}

function wrongPrefix(line: Buffer, seq: number): string {
  const found = PREFIX.exec(line.toString('latin1', 0, MAX_PREFIX))
  if (!found) return 'a line does not start as lines of the log do'
  if (found[1] !== String(seq)) return `expected record ${seq}, found record ${found[1]}`
  return `record ${seq} does not follow from the line before it`
}

/** The record of a line, or a text that says why it is none. */
export function parseRecord(line: Buffer): JsonObject | string {
  // JSON allows a carriage return between tokens; the format does not.
  if (line.includes(0x0d)) return 'a line holds a carriage return'
  if (!isUtf8(line)) return 'a line is not UTF-8'
  try {
    const value: unknown = JSON.parse(line.toString('utf8'))
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as JsonObject
    return 'a line is not a JSON object'
  } catch (error) {
    return `a line is not JSON (${describeThrown(error).split('\n')[0]})`
  }
}
