// Orders nodes so that every need comes first; must never depend on anything but the needs and the order given.

/** Either an order in which every node follows its needs, or one cycle with its first node repeated at the end. */
export type Ordering<N> = { readonly order: readonly N[] } | { readonly cycle: readonly N[] }

/**
 * Sorts topologically. Nodes keep the order they are given in wherever their needs allow it, so equal inputs give equal
 * orders. `needs` must answer members of `nodes` only.
 */
export function order<N>(nodes: readonly N[], needs: (node: N) => readonly N[]): Ordering<N> {
  const done = new Set<N>()
  const open: N[] = []
  const result: N[] = []

  const visit = (node: N): readonly N[] | undefined => {
    if (done.has(node)) return undefined
    const start = open.indexOf(node)
    if (start >= 0) return [...open.slice(start), node]
    open.push(node)
    for (const need of needs(node)) {
      const cycle = visit(need)
      if (cycle) return cycle
    }
    open.pop()
    done.add(node)
    result.push(node)
    return undefined
  }

  for (const node of nodes) {
    const cycle = visit(node)
    if (cycle) return { cycle }
  }
  return { order: result }
}
