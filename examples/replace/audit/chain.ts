// Decides what one line of the log looks like and whether it may stand where it stands; opens no file.
import { isUtf8 } from 'node:buffer'
import { type AuditRecord, type JsonObject, type StoredRecord, sha256 } from 'cloned/kernel'

/** A place in the chain: after line `seq`, whose hash is `hash`. */
export interface Position {
  readonly seq: number
  readonly hash: string
}

/** The place before the first line. */
export const START: Position = { seq: 0, hash: '0'.repeat(64) }

/** The line of a record after `after`, and the place behind it. Throws for a record that claims a place of its own. */
export function encode(record: AuditRecord, after: Position): { line: string; at: Position } {
  const claimed = ['v', 'seq', 'prev'].find((key) => Object.hasOwn(record, key))
  if (claimed !== undefined) throw new TypeError(`a record must not carry the key "${claimed}"`)
  const line = render(after, record)
  return { line, at: { seq: after.seq + 1, hash: sha256(line) } }
}

/** Every record of a log's bytes. Throws with the number of the first line that does not follow from the one before. */
export function decode(bytes: Buffer): readonly StoredRecord[] {
  if (!isUtf8(bytes)) throw new Error('the log is not UTF-8 text')
  let at = START
  return bytes
    .toString('utf8')
    .split('\n')
    .slice(0, -1)
    .map((found) => {
      const line = `${found}\n`
      const record = recordOf(line)
      // Written again from what was read: whatever was changed, a second spelling of the same JSON included, differs.
      if (!record || render(at, record) !== line) throw new Error(`the chain breaks at line ${at.seq + 1}`)
      at = { seq: at.seq + 1, hash: sha256(line) }
      return { ...at, record }
    })
}

/** Bytes up to their last line feed: what stands behind it was never acknowledged. */
export function complete(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1)
}

function render({ seq, hash }: Position, record: JsonObject): string {
  return `${JSON.stringify({ seq: seq + 1, prev: hash, record })}\n`
}

function recordOf(line: string): JsonObject | undefined {
  try {
    return (JSON.parse(line) as { record?: JsonObject } | null)?.record
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
