// Reads and writes the text of a C2SP tlog checkpoint; must never accept a size or a root in a second spelling.
import { ClonedError } from 'cloned/kernel'
import { decodeBase64 } from './base64.js'
import { HASH_BYTES } from './merkle.js'

/** What a log says of itself at one moment. */
export interface Checkpoint {
  /** Which log: `cloned.local/<workspace id>/<log id>`. */
  readonly origin: string
  /** Number of records; the checkpoint covers `seq` 1 to `size`. */
  readonly size: number
  /** RFC 6962 tree hash of these records. */
  readonly root: Buffer
}

/** The text to sign, three lines. Throws `AUDIT_NOTE_INVALID` for what {@link parseCheckpoint} would not give back. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, root } = checkpoint
  const text = `${origin}\n${size}\n${root.toString('base64')}\n`
  parseCheckpoint(text)
  return text
}

/** The checkpoint in the text of a note; lines after the third are allowed and ignored. Throws `AUDIT_NOTE_INVALID`. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n')
  const [origin = '', digits = '', encoded = '', ...extensions] = lines
  if (extensions.pop() !== '' || origin === '' || extensions.includes('')) throw invalid('is not three non-empty lines')
  const size = /^(0|[1-9][0-9]*)$/.test(digits) ? Number(digits) : Number.NaN
  if (!Number.isSafeInteger(size)) throw invalid('has no readable size')
  const root = decodeBase64(encoded)
  if (root?.length !== HASH_BYTES) throw invalid('has no readable root')
  return { origin, size, root }
}

/** The text that an old key signs to name its successor. Its second line is no size, so it never reads as a checkpoint. */
export function keyChangeText(origin: string, vkey: string): string {
  return `${origin}\nlog.key\n${vkey}\n`
}

function invalid(problem: string): ClonedError {
  return new ClonedError('AUDIT_NOTE_INVALID', { problem: `its text ${problem}` })
}
