// Computes the hash tree over the log behind its writer's back; must never be on the way of an append.
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync } from 'node:fs'
import type { Json, JsonObject } from 'cloned/kernel'
import { parseCheckpoint } from './checkpoint.js'
import { REAL_OPS, readUpTo } from './file-ops.js'
import { MAX_LINE, parseRecord } from './format.js'
import { CHUNK, LineSplitter } from './lines.js'
import { CompactRange, leafHash } from './merkle.js'
import { splitNote } from './note.js'
import type { AuditPaths } from './paths.js'
import { type TreeStart, treeStart } from './prune.js'
import { segmentPath } from './segments.js'

/** The end of the file that is written, as far as this writer knows. */
export interface TreeTarget {
  readonly fd: number
  readonly first: number
  readonly seq: number
  readonly size: number
}

/** Up to where the tree is computed: the next record begins at byte `offset` of the file that begins with `first`. */
type State = TreeStart

export class Tree {
  readonly #paths: AuditPaths
  #state: State | undefined

  constructor(paths: AuditPaths) {
    this.#paths = paths
  }

  /** Hashes on, at most about `budget` bytes; answers whether `target` is reached. */
  advance(target: TreeTarget, budget: number): boolean {
    this.#state ??= load(this.#paths, target)
    const state = this.#state
    while (state.range.size < target.seq) {
      if (budget <= 0) return false
      budget -= state.first === target.first ? this.#hash(state, target.fd, target.size) : this.#hashSegment(state)
    }
    return true
  }

  get size(): number {
    return this.#state?.range.size ?? 0
  }

  /** Undefined before the first `advance`. */
  get range(): CompactRange | undefined {
    return this.#state?.range
  }

  /** What another process needs to go on from here. The record that follows must be the checkpoint of this size. */
  save(): string {
    const { range, first, offset } = this.#state ?? { range: new CompactRange(), first: 1, offset: 0 }
    const frontier = range.frontier().map((hash) => hash.toString('hex'))
    return `${JSON.stringify({ version: 1, size: range.size, first, offset, frontier })}\n`
  }

  #hashSegment(state: State): number {
    const fd = openSync(segmentPath(this.#paths, state.first), constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const { size } = fstatSync(fd)
      if (state.offset < size) return this.#hash(state, fd, size)
      state.first = state.range.size + 1
      state.offset = 0
      return 0
    } finally {
      closeSync(fd)
    }
  }

  #hash(state: State, fd: number, size: number): number {
    const chunk = readUpTo(REAL_OPS, fd, Math.min(CHUNK, size - state.offset), state.offset)
    const from = state.offset
    for (const line of new LineSplitter().push(chunk)) {
      state.range.append(leafHash(line))
      state.offset += line.length
    }
    if (state.offset === from)
      throw new Error(`no whole record at byte ${from} of the file that begins with ${state.first}`)
    return state.offset - from
  }
}

/** Where an earlier writer got to, when what it left fits the log; else where the log begins. */
function load(paths: AuditPaths, target: TreeTarget): State {
  return saved(paths, target) ?? treeStart(paths)
}

function saved(paths: AuditPaths, target: TreeTarget): State | undefined {
  if (!existsSync(paths.tree)) return undefined
  try {
    const { size, first, offset, frontier } = JSON.parse(readFileSync(paths.tree, 'utf8')) as JsonObject
    const hashes = (frontier as Json[]).map((hash) => Buffer.from(String(hash), 'hex'))
    const state = { range: CompactRange.from(Number(size), hashes), first: Number(first), offset: Number(offset) }
    return fits(paths, state, target) ? state : undefined
  } catch (error) {
    // A cache in a file that anybody may have changed: what cannot be read is computed again.
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError) return undefined
    throw error
  }
}

/** The record after the saved state must be the checkpoint that was made of it. */
function fits(paths: AuditPaths, { range, first, offset }: State, target: TreeTarget): boolean {
  const own = first === target.first
  const path = segmentPath(paths, first)
  if (!own && !existsSync(path)) return false
  const fd = own ? target.fd : openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const bytes = readUpTo(REAL_OPS, fd, MAX_LINE, offset)
    const record = parseRecord(bytes.subarray(0, bytes.indexOf(0x0a) + 1))
    if (typeof record === 'string' || record['type'] !== 'log.checkpoint' || record['seq'] !== range.size + 1)
      return false
    const checkpoint = parseCheckpoint(splitNote(String(record['note'])).text)
    return checkpoint.size === range.size && checkpoint.root.equals(range.root())
  } finally {
    if (!own) closeSync(fd)
  }
}
