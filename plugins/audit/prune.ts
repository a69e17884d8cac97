// Decides what a pruned log keeps of the records it dropped; must never lose what old proofs are checked against.
import type { Json, JsonObject } from 'cloned/kernel'
import { parseRecord } from './format.js'
import { CompactRange } from './merkle.js'
import type { AuditPaths } from './paths.js'
import { forEachLineSync } from './scan.js'
import { listSegments } from './segments.js'

const NEEDLE = Buffer.from('"type":"log.prune"')

/** What a `log.prune` record says besides its type and time. */
export interface PruneNote {
  /** Number of records that are gone: `seq` 1 to `size`. */
  readonly size: number
  /** Hash of the last of them: `prev` of the first that is left. */
  readonly last_hash: string
  /** The subtrees of the tree over them, hex, the largest first. */
  readonly frontier: readonly string[]
}

/** Where the computation of the tree begins. */
export interface TreeStart {
  readonly range: CompactRange
  /** `seq` of the first record of the file it begins with. */
  first: number
  offset: number
}

/** Where the tree begins in a log that may have been pruned. */
export function treeStart(paths: AuditPaths): TreeStart {
  return prunedState(paths) ?? { range: new CompactRange(), first: 1, offset: 0 }
}

function prunedState(paths: AuditPaths): TreeStart | undefined {
  const oldest = listSegments(paths)[0]?.first
  const note = oldest === undefined || oldest === 1 ? undefined : findPruneNote(paths, oldest - 1)
  if (!note) return undefined
  const frontier = note.frontier.map((hash) => Buffer.from(hash, 'hex'))
  return { range: CompactRange.from(note.size, frontier), first: note.size + 1, offset: 0 }
}

/**
 * The newest record that explains why `seq` 1 to `gone` are not there. It may explain more than that: a crash leaves
 * files behind that were to be deleted.
 */
export function findPruneNote(paths: AuditPaths, gone: number): PruneNote | undefined {
  let found: PruneNote | undefined
  forEachLineSync(paths, (line) => {
    if (!line.includes(NEEDLE)) return
    const record = parseRecord(line)
    if (typeof record === 'string' || record['type'] !== 'log.prune') return
    const note = noteOf(record)
    if (note && note.size >= gone) found = note
  })
  return found
}

function noteOf(record: JsonObject): PruneNote | undefined {
  const { size, last_hash: lastHash, frontier } = record
  if (typeof size !== 'number' || typeof lastHash !== 'string' || !Array.isArray(frontier)) return undefined
  return { size, last_hash: lastHash, frontier: (frontier as Json[]).map(String) }
}
