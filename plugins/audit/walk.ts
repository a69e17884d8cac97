// Follows the chain through the files of a snapshot and waits for writers where they are; must never wait without end.
import { blocks } from './blocks.js'
import { type Break, Chain } from './chain.js'
import type { Position } from './format.js'
import type { Head } from './head.js'
import type { OwnRecords } from './own-records.js'
import type { SnapshotFile } from './snapshot.js'
import type { AuditProblem } from './verdict.js'

/** How often and how long to wait for a writer that is in the middle of a batch, milliseconds. */
const PATIENCE = { rounds: 20, pauseMs: 20 }

export interface WalkOptions {
  readonly files: readonly SnapshotFile[]
  readonly head: Head
  readonly story: OwnRecords
  readonly start: Position
  readonly full: boolean
}

export interface Walked {
  /** After the last good record. */
  readonly end: Position
  readonly problem?: AuditProblem
}

/** Reads everything once. A problem behind the head is looked at again for a moment: a writer may be at work. */
export async function walkChain({ files, head, story, start, full }: WalkOptions): Promise<Walked> {
  const chain = new Chain(start, { own: (record, before) => story.check(record, before), seal: head, full })
  for (const [i, file] of files.entries()) {
    chain.at = { ...chain.at, size: 0 }
    let round = 0
    for (;;) {
      const before = chain.at.seq
      const { size } = await file.handle.stat()
      const broken = await follow(chain, file, size)
      if (!broken && chain.at.size === size) break
      if (chain.at.seq > before) round = 0
      const waits = i === files.length - 1 && chain.at.seq >= head.seq && round++ < PATIENCE.rounds
      if (!waits)
        return {
          end: chain.at,
          problem: problemAt(chain.at, file, kindOf(broken, chain.at, { head, file, size }), broken),
        }
      await new Promise((resolve) => setTimeout(resolve, PATIENCE.pauseMs))
    }
    story.previous = { name: file.name, size: chain.at.size }
  }
  if (chain.at.seq >= head.seq) return { end: chain.at }
  const message = `${head.seq - chain.at.seq} of ${head.seq} records are gone`
  const last = files.at(-1)
  return { end: chain.at, problem: problemAt(chain.at, last, 'truncated', { message }) }
}

async function follow(chain: Chain, { handle }: SnapshotFile, size: number): Promise<Break | undefined> {
  for await (const block of blocks(handle, chain.at.size, size)) {
    const broken = chain.follow(block)
    if (broken) return broken
  }
  return undefined
}

function kindOf(
  broken: Break | undefined,
  at: Position,
  { head, file, size }: { head: Head; file: SnapshotFile; size: number },
): AuditProblem['kind'] {
  if (broken && !broken.torn) return 'tampered'
  if (at.seq >= head.seq) return 'torn'
  return file.first === head.first && size < head.size ? 'truncated' : 'tampered'
}

function problemAt(
  at: Position,
  file: SnapshotFile | undefined,
  kind: AuditProblem['kind'],
  broken: Break = { message: 'the file shrank while it was read' },
): AuditProblem {
  return { kind, line: at.seq + 1, file: file?.name ?? 'audit.log', offset: at.size, message: broken.message }
}
