// Decides whether the log is what was written and signed, from its first byte to its last; must never change anything.
import type { KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { prunedBeginning } from './beginning.js'
import { type Position, START } from './format.js'
import { EMPTY_HEAD, type Head, readHead } from './head.js'
import { judge, readNote, sizesOf } from './judge.js'
import { OwnRecords } from './own-records.js'
import type { AuditPaths } from './paths.js'
import { openSnapshot, type Snapshot, type SnapshotFile } from './snapshot.js'
import type { Span, TreeReport } from './tree-pass.js'
import { newTreeRunner } from './tree-runner.js'
import type { AuditProblem, VerifyResult } from './verdict.js'
import { type Walked, walkChain } from './walk.js'

export type { AuditProblem, VerifyResult } from './verdict.js'

export interface VerifyOptions {
  /** A signed note that was remembered elsewhere: the log must be its continuation. */
  readonly since?: string
  /** Whether to trust this key; `undefined` when nobody knows. A log signed by another key is `tampered`. */
  readonly trusts?: (key: KeyObject) => Promise<boolean | undefined>
  /** Reads every record as JSON, too: slower, and finds only what whoever holds the key could have written. */
  readonly full?: boolean
}

/**
 * Follows the chain and the tree through every file. Works while writers append: what is sealed by the head is final,
 * and what lies behind it gets a moment to become complete before it counts as a problem.
 * Throws `AUDIT_NOTE_INVALID` for a remembered note that is none.
 */
export async function verifyLog(paths: AuditPaths, options: VerifyOptions = {}): Promise<VerifyResult> {
  const since = options.since === undefined ? undefined : readNote(options.since)
  const published = existsSync(paths.checkpoint) ? readFileSync(paths.checkpoint, 'utf8') : undefined
  const snapshot = await openSnapshot(paths)
  try {
    const opened = await begin(paths, snapshot)
    if ('problem' in opened) return { ok: false, entries: 0, lastHash: START.hash, problem: opened.problem }
    const { story, start } = opened
    const passed = await pass(opened, { full: options.full === true, sizes: sizesOf(since, published) })
    const trusts = options.trusts ?? (async () => undefined)
    return await judge({ ...passed, story, published, since, pruned: start.seq, trusts })
  } finally {
    await snapshot.close()
  }
}

interface Begun {
  readonly files: readonly SnapshotFile[]
  readonly head: Head
  readonly start: Position
  readonly frontier: readonly string[]
  readonly story: OwnRecords
}

/** Where the chain and the tree begin. */
async function begin(paths: AuditPaths, { head, files }: Snapshot): Promise<Begun | { problem: AuditProblem }> {
  const problem = (kind: AuditProblem['kind'], message: string) => ({
    problem: { kind, line: 1, file: files[0]?.name ?? 'audit.log', offset: 0, message },
  })
  if (head === 'unreadable') return problem('unverifiable', 'the head of the log is not readable')
  // A first writer makes the head, then the log; it may have begun after the head was looked for.
  const empty = files.length === 0 || (files.length === 1 && (await files[0]?.handle.stat())?.size === 0)
  if (head === 'missing' && !empty && readHead(paths.head) === 'missing')
    return problem('unverifiable', 'the head of the log is missing')
  const known = head === 'missing' ? EMPTY_HEAD : head
  const gone = (files[0]?.first ?? 1) - 1
  if (gone === 0) return { files, head: known, start: START, frontier: [], story: new OwnRecords() }
  const pruned = await prunedBeginning(paths, gone)
  if (!pruned) return problem('truncated', `records 1 to ${gone} are gone, and no record says that they were pruned`)
  const { size, last_hash: hash, frontier } = pruned
  const left = files.filter(({ first }) => first > size)
  return { files: left, head: known, start: { seq: size, hash, size: 0 }, frontier, story: new OwnRecords(pruned) }
}

/** The chain and, beside it, the tree. */
async function pass(
  { files, head, start, frontier, story }: Begun,
  { full, sizes }: { full: boolean; sizes: readonly number[] },
): Promise<{ walked: Walked; report: TreeReport }> {
  const stats = await Promise.all(files.map(({ handle }) => handle.stat()))
  const bytes = stats.reduce((sum, { size }) => sum + size, 0)
  const last = files.at(-1)
  // The written file is followed up to the head at first: what is behind it may still change.
  const sealed = last?.first === head.first ? Math.min(head.size, stats.at(-1)?.size ?? 0) : 0
  const spans: Span[] = files.map(({ handle }, i) => ({
    fd: handle.fd,
    from: 0,
    to: i === files.length - 1 ? sealed : (stats[i]?.size ?? 0),
  }))
  const tree = newTreeRunner({ size: start.seq, frontier }, sizes, bytes)
  try {
    const likely = await namesKey(files[0])
    const [walked] = await Promise.all([walkChain({ files, head, story, start, full }), likely && tree.run(spans)])
    const rest = last && walked.end.size > sealed ? [{ fd: last.handle.fd, from: sealed, to: walked.end.size }] : []
    // A log that is signed nowhere, and is compared with nothing, needs no tree.
    if (!likely && (story.last || sizes.length > 0)) rest.unshift(...spans)
    return { walked, report: await tree.run(rest) }
  } finally {
    await tree.close()
  }
}

/** Whether the log will turn out to be signed, as far as its first bytes tell. */
async function namesKey(file: SnapshotFile | undefined): Promise<boolean> {
  if (!file) return false
  const { buffer, bytesRead } = await file.handle.read(Buffer.alloc(1024), 0, 1024, 0)
  return buffer.toString('latin1', 0, bytesRead).includes('"origin":"')
}
