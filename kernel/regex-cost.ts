// Decides which patterns the engine of the language may match: never one whose time grows faster than the text.
import type { RegexTree } from './regex-tree.js'

/** Characters that the engine of the language may look at from one place, all the ways to match that it tries in turn. */
const MAX_COST = 64
/** The same where there is one place to begin at, and no part that takes any length. */
const MAX_ONCE = 4_096
/** Repeated more often with different lengths, a part is one that has no end. */
const FEW = 8

/** What the engine may look at: so many characters from `each` place, or from the beginning alone. */
export interface EngineCost {
  readonly each: number
  readonly once: boolean
}

/** `undefined` for what must be matched otherwise. */
export function engineCost(tree: RegexTree): EngineCost | undefined {
  const { ways, open, length } = waysOf(tree)
  const each = ways * Math.max(1, length)
  const once = open === 0 && isAnchored(tree)
  const isCheap = once ? each <= MAX_ONCE : each <= MAX_COST && (open === 0 || (open === 1 && isAnchored(tree)))
  return isCheap ? { each, once } : undefined
}

interface Ways {
  /** In how many it can match from one place; infinite where that grows with the text. */
  readonly ways: number
  /** How many of its parts take any length of the text. */
  readonly open: number
  /** The most characters that one way takes, but for the open parts. */
  readonly length: number
}

function waysOf(tree: RegexTree): Ways {
  switch (tree.kind) {
    case 'one':
      return { ways: 1, open: 0, length: 1 }
    case 'at':
      // The engine finds an inside between the halves of a character too (V8).
      return { ways: tree.where === 'inside' ? Number.POSITIVE_INFINITY : 1, open: 0, length: 1 }
    case 'look':
      return { ways: Number.POSITIVE_INFINITY, open: 0, length: 0 }
    case 'seq':
    case 'or': {
      const parts = tree.parts.map(waysOf)
      const ways = parts.reduce(
        (all, part) => (tree.kind === 'or' ? all + part.ways : all * part.ways),
        Number(tree.kind === 'seq'),
      )
      const sum = (field: 'open' | 'length') => parts.reduce((all, part) => all + part[field], 0)
      return { ways, open: sum('open'), length: sum('length') }
    }
    case 'repeat': {
      const { of, min, max } = tree
      if (of.kind === 'one') {
        return max - min > FEW ? { ways: 1, open: 1, length: min } : { ways: max - min + 1, open: 0, length: max }
      }
      const { ways, open, length } = waysOf(of)
      if (max > FEW || open > 0) return { ways: Number.POSITIVE_INFINITY, open: 0, length: 0 }
      return { ways: ways ** max * (max - min + 1), open: 0, length: length * max }
    }
  }
}

/** Whether it can begin nowhere but at the beginning of the text. */
export function isAnchored(tree: RegexTree): boolean {
  const first = tree.kind === 'seq' ? tree.parts[0] : undefined
  return first?.kind === 'at' && first.where === 'start'
}
