// Names what a verification may find; shapes only.

/** What is wrong and where it was found. */
export interface AuditProblem {
  /**
   * `tampered`: bytes are not what was written, or not what was signed. `truncated`: records are gone. `forked`: the
   * log is another one than that which was remembered. `torn`: the last line is incomplete, because a writer died; the
   * next append records and removes it. `unverifiable`: what is needed for an answer is missing or not readable.
   */
  readonly kind: 'tampered' | 'truncated' | 'forked' | 'torn' | 'unverifiable'
  /** The record at which it was found; the first that is not good. */
  readonly line: number
  /** The file of the log, by its name. */
  readonly file: string
  /** Byte of that file at which the record begins; for a checkpoint, the end of what it covers. */
  readonly offset: number
  readonly message: string
}

/** Who vouches for the log up to where. */
export interface Signed {
  /** Records under the newest signature. */
  readonly size: number
  /** The key that made it. */
  readonly vkey: string
  /** `known`: the key was given, or is this machine's. `first-use`: only the log itself names it. */
  readonly trust: 'known' | 'first-use'
}

export interface VerifyResult {
  readonly ok: boolean
  /** Number of the last good record. */
  readonly entries: number
  /** Hash of the last good line. */
  readonly lastHash: string
  readonly problem?: AuditProblem
  /** Absent when nothing is signed. */
  readonly signed?: Signed
  /** Records that were pruned, and are known by their tree alone. */
  readonly pruned?: number
  /** The newest note of a log that is not the remembered one: with that one, the evidence. */
  readonly evidence?: string
}
