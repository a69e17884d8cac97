// Builds and checks RFC 6962 proofs; a check must consume a proof to its last hash and never throw over its content.
import { CompactRange, HASH_BYTES, levelsOf, nodeHash } from './merkle.js'

/** Leaves `from` (included) to `to` (excluded), counted from 0. */
export interface LeafRange {
  readonly from: number
  readonly to: number
}

/** The ranges whose tree hashes prove that leaf `index` is in a tree of `size` leaves, the leaf's sibling first. */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  if (!isSize(size) || !isSize(index) || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`)
  const ranges: LeafRange[] = []
  for (let from = 0, to = size; to - from > 1; ) {
    const middle = from + split(to - from)
    ranges.push(index < middle ? { from: middle, to } : { from, to: middle })
    if (index < middle) to = middle
    else from = middle
  }
  return ranges.reverse()
}

/** The ranges whose tree hashes prove that the tree of `old` leaves is the beginning of that of `size` leaves. */
export function consistencyRanges(old: number, size: number): LeafRange[] {
  if (!isSize(size) || !isSize(old) || old > size) throw new RangeError(`a tree of ${size} does not begin with ${old}`)
  if (old === 0 || old === size) return []
  const ranges: LeafRange[] = []
  let [from, to] = [0, size]
  while (old !== to) {
    const middle = from + split(to - from)
    ranges.push(old <= middle ? { from: middle, to } : { from, to: middle })
    if (old <= middle) to = middle
    else from = middle
  }
  // The verifier holds the old root itself; it is left out where it is a node of the new tree.
  if (from > 0) ranges.push({ from, to })
  return ranges.reverse()
}

/** The root that leaf `index` and this proof lead to; `undefined` when the proof does not have the right shape. */
export function rootOfInclusion(
  leaf: Buffer,
  { index, size, proof }: { index: number; size: number; proof: readonly Buffer[] },
): Buffer | undefined {
  if (!isSize(size) || !isSize(index) || index >= size || !areHashes([leaf, ...proof])) return undefined
  const ranges = inclusionRanges(index, size)
  if (ranges.length !== proof.length) return undefined
  const isLeft = (i: number) => (ranges[i]?.from ?? 0) < index
  return proof.reduce((hash, other, i) => (isLeft(i) ? nodeHash(other, hash) : nodeHash(hash, other)), leaf)
}

/** A tree hash with its size. */
export interface TreeHead {
  readonly size: number
  readonly root: Buffer
}

/** Whether the proof shows that the old tree is the beginning of the new one. */
export function provesConsistency(older: TreeHead, newer: TreeHead, proof: readonly Buffer[]): boolean {
  if (!isSize(older.size) || !isSize(newer.size) || older.size > newer.size) return false
  if (!areHashes([older.root, newer.root, ...proof])) return false
  const ranges = consistencyRanges(older.size, newer.size)
  if (ranges.length !== proof.length) return false
  if (older.size === 0) return older.root.equals(new CompactRange().root())
  if (older.size === newer.size) return older.root.equals(newer.root)
  // A full subtree at the very left is a node of both trees and its hash, the old root, is not sent.
  const [start, others] = levelsOf(older.size).length === 1 ? [older.root, proof] : [proof[0], proof.slice(1)]
  if (!start) return false
  const lefts = ranges.slice(proof.length - others.length).map(({ from }) => from < older.size)
  let [oldHash, newHash] = [start, start]
  for (const [i, hash] of others.entries()) {
    if (lefts[i]) oldHash = nodeHash(hash, oldHash)
    newHash = lefts[i] ? nodeHash(hash, newHash) : nodeHash(newHash, hash)
  }
  return oldHash.equals(older.root) && newHash.equals(newer.root)
}

interface Part extends LeafRange {
  readonly tree: CompactRange
}

/** Computes the tree hashes of some ranges in one pass over the leaves; the ranges must not overlap. */
export class RangeHashes {
  readonly #parts: readonly Part[]
  readonly #inOrder: readonly Part[]
  #at = 0
  #next = 0

  constructor(ranges: readonly LeafRange[]) {
    this.#parts = ranges.map((range) => ({ ...range, tree: new CompactRange() }))
    this.#inOrder = this.#parts.toSorted((a, b) => a.from - b.from)
  }

  /** Adds the next leaf, or a full subtree of 2^level leaves. Throws a `RangeError` when a range cuts that in two. */
  append(hash: Buffer, level = 0): void {
    const [from, to] = [this.#at, this.#at + 2 ** level]
    this.#at = to
    while ((this.#inOrder[this.#next]?.to ?? Number.POSITIVE_INFINITY) <= from) this.#next++
    const part = this.#inOrder[this.#next]
    if (!part || part.from >= to) return
    if (part.from > from || part.to < to) throw new RangeError(`leaves ${from} to ${to} are known as one hash only`)
    part.tree.append(hash, level)
  }

  /** The hashes in the order of the ranges. Throws a `RangeError` when leaves are missing. */
  hashes(): Buffer[] {
    return this.#parts.map(({ from, to, tree }) => {
      if (tree.size !== to - from) throw new RangeError(`leaves up to ${to} were not given`)
      return tree.root()
    })
  }
}

/** The largest power of two below `size`, which is at least 2. */
function split(size: number): number {
  return 2 ** Math.max(...levelsOf(size - 1))
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function areHashes(hashes: readonly Buffer[]): boolean {
  return hashes.every((hash) => hash.length === HASH_BYTES)
}
