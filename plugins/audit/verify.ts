// Decides whether the log is unbroken from its first byte to its last; must never create or change anything.
import type { FileHandle } from 'node:fs/promises'
import { checkLine, type Position, START } from './format.js'
import { readHead } from './head.js'
import type { AuditPaths } from './paths.js'
import { openForReading, readLines } from './read.js'

/** What is wrong and where it was found. */
export interface AuditProblem {
  /**
   * `tampered`: bytes are not what was written. `truncated`: records at the end are gone. `torn`: the last line is
   * incomplete, because a writer died; the next append records and removes it. `unverifiable`: the head is missing or
   * not readable, so nothing says where the log ended.
   */
  readonly kind: 'tampered' | 'truncated' | 'torn' | 'unverifiable'
  /** Number of the line, from 1; equal to the `seq` that belongs there. */
  readonly line: number
  /** Byte at which that line begins. */
  readonly offset: number
  readonly message: string
}

export interface VerifyResult {
  readonly ok: boolean
  /** Records up to the problem, or all of them. */
  readonly entries: number
  /** Hash of the last good line: what to remember elsewhere to notice a log that was replaced as a whole. */
  readonly lastHash: string
  readonly problem?: AuditProblem
}

/** How often and how long to wait for a writer that is in the middle of a batch, milliseconds. */
const PATIENCE = { rounds: 20, pauseMs: 20 }

/**
 * Reads the whole log and follows the chain. Works while writers append: what is sealed by the head is final, and what
 * lies behind it gets a moment to become complete before it counts as a problem.
 */
export async function verifyLog(paths: AuditPaths): Promise<VerifyResult> {
  let handle: FileHandle | undefined
  try {
    let sealed: Position = START
    for (let round = 0; ; round++) {
      // Head first: a writer grows the log before it moves the head, so what is read later is never behind the head.
      const head = readHead(paths.head)
      handle ??= await openForReading(paths.log)
      const size = handle ? (await handle.stat()).size : 0
      const { end, good, problem } = await follow(handle, sealed, head, size)
      if (!problem) return { ok: true, entries: end.seq, lastHash: end.hash }
      if (!good || round >= PATIENCE.rounds) return { ok: false, entries: end.seq, lastHash: end.hash, problem }
      if (good.seq > sealed.seq) round = 0
      sealed = good
      await new Promise((resolve) => setTimeout(resolve, PATIENCE.pauseMs))
    }
  } finally {
    await handle?.close()
  }
}

interface Followed {
  readonly end: Position
  readonly problem?: AuditProblem
  /** Where to begin again, when the problem lies in what no head has sealed yet. */
  readonly good?: Position
}

async function follow(
  handle: FileHandle | undefined,
  from: Position,
  head: Position | 'missing' | 'unreadable',
  size: number,
): Promise<Followed> {
  const at = (end: Position, kind: AuditProblem['kind'], message: string): Followed => ({
    end,
    problem: { kind, line: end.seq + 1, offset: end.size, message },
  })
  if (head === 'unreadable') return at(from, 'unverifiable', 'the head of the log is not readable')
  if (head === 'missing') {
    // A first writer makes the head, then the log; a reader may come in between.
    return size === 0 ? { end: from } : { ...at(from, 'unverifiable', 'the head of the log is missing'), good: from }
  }
  let end = from
  let good = from.size === head.size ? from : undefined
  if (good && (good.seq !== head.seq || good.hash !== head.hash))
    return at(end, 'tampered', 'the head does not fit the log')
  if (handle) {
    for await (const lines of readLines(handle, from.size, size)) {
      for (const { bytes } of lines) {
        const checked = checkLine(bytes, end)
        if (typeof checked === 'string') return { ...at(end, 'tampered', checked), ...(good ? { good } : {}) }
        const next = { seq: end.seq + 1, hash: checked.hash, size: end.size + bytes.length }
        if (next.seq === head.seq && (next.hash !== head.hash || next.size !== head.size)) {
          return at(end, 'tampered', `record ${next.seq} is not the one that was sealed`)
        }
        end = next
        if (end.seq === head.seq) good = end
      }
    }
  }
  if (!good) {
    return size < head.size
      ? at(end, 'truncated', `${head.seq - end.seq} of ${head.seq} records are gone`)
      : at(end, 'tampered', `the log ends before record ${head.seq}, which was sealed`)
  }
  if (end.size === size) return { end }
  const torn = `the last line is incomplete (${size - end.size} bytes)`
  return { ...at(end, 'torn', torn), good }
}
