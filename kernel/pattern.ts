// Matches ids against patterns with `*`; a match is of the whole id, and must never cost more than one pass over it.

/** Whether a whole id fits. */
export type Matches = (id: string) => boolean

/**
 * Compiles a pattern in which `*` stands for any run of characters, the empty one too; everything else is literal.
 * No regular expression: the first fit of each literal part, left to right, decides, so nothing is tried twice.
 */
export function compilePattern(pattern: string): Matches {
  const parts = pattern.split('*')
  const first = parts[0] ?? ''
  if (parts.length === 1) return (id) => id === first
  const last = parts[parts.length - 1] ?? ''
  const middle = parts.slice(1, -1).filter((part) => part !== '')
  return (id) => {
    const end = id.length - last.length
    if (end < first.length || !id.startsWith(first) || !id.endsWith(last)) return false
    let at = first.length
    for (const part of middle) {
      const found = id.indexOf(part, at)
      if (found === -1 || found + part.length > end) return false
      at = found + part.length
    }
    return true
  }
}
