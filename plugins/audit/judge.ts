// Decides what the findings of a verification amount to; must never call a log good that one finding speaks against.
import type { KeyObject } from 'node:crypto'
import { ClonedError } from 'cloned/kernel'
import { type Checkpoint, parseCheckpoint } from './checkpoint.js'
import { openNote, splitNote, type Verifier, verifierKey } from './note.js'
import type { OwnRecords } from './own-records.js'
import type { TreeReport } from './tree-pass.js'
import type { AuditProblem, VerifyResult } from './verdict.js'
import type { Walked } from './walk.js'

/** A note from outside of the log's own files, and what it says. */
export interface OutsideNote extends Checkpoint {
  readonly note: string
}

/** What the passes over the log found. */
export interface Facts {
  readonly walked: Walked
  readonly report: TreeReport
  readonly story: OwnRecords
  readonly published: string | undefined
  readonly since: OutsideNote | undefined
  readonly pruned: number
  readonly trusts: (key: KeyObject) => Promise<boolean | undefined>
}

/** Puts the findings in order: what the chain says first, then what was signed, published and remembered. */
export async function judge(facts: Facts): Promise<VerifyResult> {
  const { walked, story, since, pruned, trusts } = facts
  const { end } = walked
  const signer = story.signer()
  const trust = typeof signer === 'object' ? await trusts(signer.publicKey) : undefined
  const problem = walked.problem ?? ownProblem(facts, signer, trust) ?? publishedProblem(facts) ?? sinceProblem(facts)
  const note = story.last?.note
  const signed =
    typeof signer === 'object' && story.last && !problem
      ? {
          size: story.last.size,
          vkey: verifierKey(signer.name, signer.publicKey),
          trust: trust === true ? ('known' as const) : ('first-use' as const),
        }
      : undefined
  return {
    ok: problem === undefined,
    entries: problem ? Math.min(end.seq, problem.line - 1) : end.seq,
    lastHash: end.hash,
    ...(problem ? { problem } : {}),
    ...(signed ? { signed } : {}),
    ...(pruned > 0 ? { pruned } : {}),
    ...(problem?.kind === 'forked' && since && note !== undefined ? { evidence: note } : {}),
  }
}

/** What the log says of itself and is not so. */
function ownProblem(
  { walked, report, story }: Facts,
  signer: Verifier | string | undefined,
  trust: boolean | undefined,
): AuditProblem | undefined {
  const at = (message: string, seq: number): AuditProblem => ({
    kind: 'tampered',
    line: seq,
    file: story.previous?.name ?? 'audit.log',
    offset: walked.end.size,
    message,
  })
  if (report.mismatch !== undefined) {
    return at(`the records before ${report.mismatch} are not those that were signed in it`, report.mismatch)
  }
  if (!story.explained)
    return at('the record that explains the missing beginning is not in the log', walked.end.seq + 1)
  if (typeof signer === 'string') return at(signer, (story.last?.size ?? 0) + 1)
  if (trust === false) return at('the log is signed by a key that is not the one to trust', (story.last?.size ?? 0) + 1)
  return undefined
}

/** What the checkpoint file says and the log does not bear out. */
function publishedProblem({ walked, report, story, published }: Facts): AuditProblem | undefined {
  if (published === undefined) return undefined
  const at = problemAt(walked, 'checkpoint')
  let checkpoint: OutsideNote
  try {
    checkpoint = readNote(published)
    openNote(published, story.keys)
  } catch (error) {
    if (error instanceof ClonedError) return at('tampered', `the checkpoint file: ${error.message}`)
    throw error
  }
  if (checkpoint.origin !== story.origin) return at('tampered', 'the checkpoint file speaks of another log')
  return compare(checkpoint, { walked, report }, at, 'tampered')
}

/** What was remembered and the log does not bear out. */
function sinceProblem({ walked, report, story, since, pruned }: Facts): AuditProblem | undefined {
  if (!since) return undefined
  const at = problemAt(walked, 'the remembered checkpoint')
  if (walked.end.seq === 0 && since.size > 0)
    return at('truncated', `${since.size} records were signed, and there is no log`)
  if (since.origin !== story.origin) return at('forked', `it is another log than ${since.origin}, which was remembered`)
  try {
    openNote(since.note, story.keys)
  } catch (error) {
    if (error instanceof ClonedError)
      return at('forked', `the remembered checkpoint is not of a key of this log: ${error.message}`)
    throw error
  }
  if (since.size < pruned) {
    return at('unverifiable', `the remembered checkpoint covers ${since.size} records, and ${pruned} were pruned`)
  }
  return compare(since, { walked, report }, at, 'forked')
}

type ProblemAt = (kind: AuditProblem['kind'], message: string) => AuditProblem

function compare(
  { size, root }: Checkpoint,
  { walked, report }: Pick<Facts, 'walked' | 'report'>,
  at: ProblemAt,
  otherwise: 'tampered' | 'forked',
): AuditProblem | undefined {
  if (size > walked.end.seq)
    return at('truncated', `${size} records were signed, and the log ends at ${walked.end.seq}`)
  const found = report.roots.get(size)
  if (found === undefined) return at('unverifiable', `nothing is known of the log when it had ${size} records`)
  return found === root.toString('hex')
    ? undefined
    : at(otherwise, `the first ${size} records are not those that were signed`)
}

function problemAt({ end }: Walked, file: string): ProblemAt {
  return (kind, message) => ({ kind, line: end.seq + 1, file, offset: end.size, message })
}

/** A note and the checkpoint in it, believing nothing. Throws `AUDIT_NOTE_INVALID`. */
export function readNote(note: string): OutsideNote {
  return { ...parseCheckpoint(splitNote(note).text), note }
}

/** Sizes at which the tree hash is needed. */
export function sizesOf(since: OutsideNote | undefined, published: string | undefined): readonly number[] {
  const sizes = since ? [since.size] : []
  try {
    if (published !== undefined) sizes.push(readNote(published).size)
  } catch (error) {
    // Judged later, when it is known what the log says.
    if (!(error instanceof ClonedError)) throw error
  }
  return sizes
}
