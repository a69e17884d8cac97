// Names what goes to a writer of the log and what comes back; shapes only.
import type { Receipt } from 'cloned/kernel'

/** A signed note on the log as it is after record `size`. */
export interface SignedNote {
  readonly size: number
  readonly note: string
  /** Whether its file must be written at once, and not with one of the next. */
  readonly publish?: boolean
}

/** What is appended at once. Bodies are serialised records without their opening brace. */
export interface Batch {
  /** The time of the records that the log itself adds, ISO 8601. */
  readonly ts: string
  readonly bodies: readonly string[]
  /** Bodies of the log's own records, which come first and get no receipt. */
  readonly own?: readonly string[]
  /** Written before everything else, and only if the log still ends where the note says. */
  readonly checkpoint?: SignedNote
  /** Why writing had failed before: recorded first. */
  readonly recovering?: string
}

/** The answer to a batch that is durable. */
export interface Written {
  /** For each of `bodies`. */
  readonly receipts: readonly Receipt[]
  /** `seq` of the last record. */
  readonly size: number
  /** Bytes in the file that is written. */
  readonly bytes: number
  /** `seq` of the first record of that file. */
  readonly first: number
  /** Time of that record, ISO 8601. */
  readonly began: string
  /** Whether the note of the batch was written. */
  readonly checkpointed: boolean
}

/** The hash tree over every record that this writer knows of. */
export interface TreeState {
  readonly size: number
  /** Hex. */
  readonly root: string
  /** Hex, the largest subtree first. */
  readonly frontier: readonly string[]
  /** Name of the log in its notes; absent in a log that was made without keys. */
  readonly origin?: string
}
