// Deletes closed files of the log; must never delete one before the record that explains it is durable.
import { readFileSync, rmSync } from 'node:fs'
import { ClonedError, type JsonObject, syncDirectory } from 'cloned/kernel'
import { logLines } from './files.js'
import { findLatest } from './history.js'
import { isKept, KEPT, keptFields, keptRecord } from './kept.js'
import { type CompactRange, leafHash } from './merkle.js'
import type { AuditPaths } from './paths.js'
import { treeStart } from './prune.js'
import { storedRecord } from './read.js'
import { listSegments, type Segment } from './segments.js'

/** What would be deleted: `files` hold the records up to `size`. */
export interface PrunePlan {
  readonly size: number
  readonly files: readonly Segment[]
}

export interface Pruner {
  /** The closed files that hold only records before `seq`. */
  plan(seq: number): Promise<PrunePlan>
  /**
   * Records what must outlive the files and the frontier of the tree over everything up to the plan's end, then deletes
   * the files.
   */
  prune(plan: PrunePlan): Promise<void>
}

export function newPruner(paths: AuditPaths, appendOwn: (type: string, fields: JsonObject) => Promise<void>): Pruner {
  return {
    plan: async (seq) => {
      const segments = listSegments(paths)
      const files = segments.filter((_, i) => (segments[i + 1]?.first ?? Number.POSITIVE_INFINITY) <= seq)
      return { files, size: (segments[files.length]?.first ?? 1) - 1 }
    },
    prune: async ({ files, size }) => {
      if (files.length === 0) return
      const { range, lastHash, genesis, types } = await treeUpTo(paths, size)
      for (const type of types) {
        const newest = await findLatest(paths, type)
        if (newest && newest.seq <= size) await appendOwn(KEPT, keptFields(newest))
      }
      await appendOwn('log.prune', {
        size,
        last_hash: lastHash,
        frontier: range.frontier().map((hash) => hash.toString('hex')),
        root: range.root().toString('hex'),
        vkeys: readFileSync(paths.vkey, 'utf8').trimEnd().split('\n'),
        ...genesis,
      })
      // Oldest first: what a crash leaves has no hole.
      for (const { path } of files) rmSync(path)
      syncDirectory(paths.segments)
    },
  }
}

async function treeUpTo(
  paths: AuditPaths,
  size: number,
): Promise<{ range: CompactRange; lastHash: string; genesis: JsonObject; types: ReadonlySet<string> }> {
  const start = treeStart(paths)
  const { range } = start
  let lastHash = ''
  let genesis: JsonObject | undefined
  const types = new Set<string>()
  for await (const { path, lines } of logLines(paths, { first: start.first, offset: 0 })) {
    for (const line of lines) {
      if (range.size === size) return { range, lastHash, genesis: genesis ?? {}, types }
      const stored = storedRecord(path, line)
      const { seq, hash, record } = stored
      if (seq !== range.size + 1) {
        throw new ClonedError('AUDIT_PRUNE_REFUSED', { problem: `record ${range.size + 1} is missing in ${path}` })
      }
      const { log_id: logId, origin } = record
      genesis ??= { ...(logId ? { log_id: logId } : {}), ...(origin ? { origin } : {}) }
      range.append(leafHash(line.bytes))
      const { type } = (keptRecord(stored) ?? stored).record
      if (isKept(type)) types.add(type)
      lastHash = hash
    }
  }
  throw new ClonedError('AUDIT_PRUNE_REFUSED', { problem: `the log ends before record ${size + 1}` })
}
