// Matches tool ids against patterns with `*`; anchored at both ends, and in time linear in the id for any pattern.

/** Compiles a pattern in which `*` stands for any run of characters and everything else for itself. */
export function compileGlob(pattern: string): (id: string) => boolean {
  const parts = pattern.split('*')
  const [head = '', ...middle] = parts
  const tail = middle.pop()
  if (tail === undefined) return (id) => id === pattern
  return (id) => {
    if (!id.startsWith(head)) return false
    const end = id.length - tail.length
    let at = head.length
    for (const part of middle) {
      // The leftmost place is always right: it leaves the most for the parts that follow.
      const found = id.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return at <= end && id.endsWith(tail)
  }
}
