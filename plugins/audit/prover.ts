// Makes proofs from the log, one pass and a few hashes each; must never hand out a proof that it has not checked.
import { existsSync, readFileSync } from 'node:fs'
import { ClonedError } from 'cloned/kernel'
import { logLines } from './files.js'
import { type OutsideNote, readNote } from './judge.js'
import { leafHash, levelsOf } from './merkle.js'
import {
  consistencyRanges,
  inclusionRanges,
  type LeafRange,
  provesConsistency,
  RangeHashes,
  rootOfInclusion,
} from './merkle-proof.js'
import type { AuditPaths } from './paths.js'
import type { InclusionProof } from './proof.js'
import { treeStart } from './prune.js'

/** The newest published checkpoint. Throws `AUDIT_UNPROVABLE` when there is none, `AUDIT_NOTE_INVALID` for another file. */
export function publishedNote(paths: AuditPaths): OutsideNote {
  if (!existsSync(paths.checkpoint)) throw unprovable('the log has no signed checkpoint')
  return readNote(readFileSync(paths.checkpoint, 'utf8'))
}

/** Proof that record `seq` is in the log, and its line. Throws `AUDIT_UNPROVABLE` or `AUDIT_PROOF_INVALID`. */
export async function proveRecord(paths: AuditPaths, seq: number): Promise<{ proof: InclusionProof; line: Buffer }> {
  const { note, size, root } = publishedNote(paths)
  const index = seq - 1
  if (index >= size) throw unprovable(`record ${seq} is not under the checkpoint, which covers ${size} records`)
  let line: Buffer | undefined
  const hashes = await hashesOf(paths, inclusionRanges(index, size), size, (at, bytes) => {
    if (at === seq) line = Buffer.from(bytes)
  })
  if (!line) throw unprovable(`record ${seq} was pruned`)
  if (!rootOfInclusion(leafHash(line), { index, size, proof: hashes })?.equals(root)) throw disagrees()
  return { proof: { index, hashes, note, extra: line }, line }
}

/** Proof that what this note says is the beginning of what the newest checkpoint says. Throws as {@link proveRecord}. */
export async function proveConsistency(
  paths: AuditPaths,
  older: OutsideNote,
): Promise<{ hashes: Buffer[]; newer: OutsideNote }> {
  const newer = publishedNote(paths)
  if (older.size > newer.size) throw unprovable(`the checkpoint covers ${newer.size} records only`)
  const hashes = await hashesOf(paths, consistencyRanges(older.size, newer.size), newer.size)
  if (!provesConsistency(older, newer, hashes)) throw disagrees()
  return { hashes, newer }
}

async function hashesOf(
  paths: AuditPaths,
  ranges: readonly LeafRange[],
  size: number,
  visit: (seq: number, line: Buffer) => void = () => {},
): Promise<Buffer[]> {
  const { range, first } = treeStart(paths)
  const hashes = new RangeHashes(ranges)
  const levels = levelsOf(range.size)
  try {
    for (const [i, hash] of range.frontier().entries()) hashes.append(hash, levels[i])
    let seq = range.size
    for await (const { lines } of logLines(paths, { first, offset: 0 })) {
      for (const { bytes } of lines) {
        if (seq === size) return hashes.hashes()
        visit(++seq, bytes)
        hashes.append(leafHash(bytes))
      }
    }
    return hashes.hashes()
  } catch (error) {
    if (error instanceof RangeError)
      throw unprovable(`some of the first ${size} records are not there: ${error.message}`)
    throw error
  }
}

function unprovable(problem: string): ClonedError {
  return new ClonedError('AUDIT_UNPROVABLE', { problem })
}

function disagrees(): ClonedError {
  return new ClonedError('AUDIT_PROOF_INVALID', { problem: 'the log is not the one that its checkpoint signs' })
}
