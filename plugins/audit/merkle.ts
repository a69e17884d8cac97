// Computes RFC 6962 tree hashes from leaves as they come; must never keep more than one hash for each level.
import { hash } from 'node:crypto'

/** Length of every hash, bytes. */
export const HASH_BYTES = 32
const LEAF = Buffer.of(0)
// Hex and back is faster than the 'buffer' and 'binary' encodings of crypto.hash (1.3 and 1.7 times, Node 20).
// One buffer for all nodes: hashing is synchronous, and filling it costs a third of making a new one.
const pair = Buffer.alloc(1 + 2 * HASH_BYTES, 1)

/** The hash of one leaf; of a line of the log with its line feed. */
export function leafHash(data: Buffer): Buffer {
  return Buffer.from(hash('sha256', Buffer.concat([LEAF, data]), 'hex'), 'hex')
}

/** The hash of a node with two children. */
export function nodeHash(left: Buffer, right: Buffer): Buffer {
  left.copy(pair, 1, 0, HASH_BYTES)
  right.copy(pair, 1 + HASH_BYTES, 0, HASH_BYTES)
  return Buffer.from(hash('sha256', pair, 'hex'), 'hex')
}

interface Subtree {
  /** It has 2^level leaves. */
  readonly level: number
  readonly hash: Buffer
}

/** A tree that only grows at its end, kept as the roots of its largest full subtrees. */
export class CompactRange {
  #size = 0
  readonly #subtrees: Subtree[] = []

  /** The range that had this size and frontier. Throws a `RangeError` when they do not fit each other. */
  static from(size: number, frontier: readonly Buffer[]): CompactRange {
    const levels = Number.isSafeInteger(size) && size >= 0 ? levelsOf(size) : []
    if (levels.length !== frontier.length || (levels.length === 0 && size !== 0)) {
      throw new RangeError(`a tree of ${size} leaves does not have a frontier of ${frontier.length} hashes`)
    }
    const range = new CompactRange()
    for (const [i, hash] of frontier.entries()) range.append(hash, levels[i])
    return range
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size
  }

  /** Adds a leaf, or a full subtree of 2^level leaves where one may begin. Throws a `RangeError` where it may not. */
  append(hash: Buffer, level = 0): void {
    if (hash.length !== HASH_BYTES) throw new RangeError(`a hash is ${hash.length} bytes long`)
    if (this.#size % 2 ** level !== 0) throw new RangeError(`no subtree of level ${level} begins at ${this.#size}`)
    this.#size += 2 ** level
    let added: Subtree = { level, hash }
    for (let last = this.#subtrees.at(-1); last?.level === added.level; last = this.#subtrees.at(-1)) {
      this.#subtrees.pop()
      added = { level: added.level + 1, hash: nodeHash(last.hash, added.hash) }
    }
    this.#subtrees.push(added)
  }

  /** The tree hash; of no leaves, SHA-256 of nothing. */
  root(): Buffer {
    if (this.#subtrees.length === 0) return Buffer.from(hash('sha256', '', 'hex'), 'hex')
    return this.frontier().reduceRight((right, left) => nodeHash(left, right))
  }

  /** The roots of the full subtrees, the largest first. With the size, all that is needed to go on. */
  frontier(): Buffer[] {
    return this.#subtrees.map(({ hash }) => hash)
  }
}

/** The levels of the full subtrees that a tree of this size consists of, the largest first. */
export function levelsOf(size: number): number[] {
  const levels: number[] = []
  for (let level = 0, rest = size; rest > 0; level++, rest = Math.floor(rest / 2))
    if (rest % 2 === 1) levels.push(level)
  return levels.reverse()
}
