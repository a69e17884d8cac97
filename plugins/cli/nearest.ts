// Finds the name that a person probably meant; it only suggests, and must never choose for them.

/** The candidate nearest to `typed` by edit distance, or nothing when none is near enough to be a slip. */
export function nearest(typed: string, candidates: Iterable<string>): string | undefined {
  // A person types short words; a longer text is not a slip, and must not cost quadratic time.
  if (typed.length > 64) return undefined
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(typed.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(typed, candidate)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** ` (did you mean "…"?)` for the end of a sentence, or nothing. */
export function didYouMean(typed: string, candidates: Iterable<string>): string {
  return suggestion(nearest(typed, candidates))
}

/** The same for a name that is already chosen. */
export function suggestion(name: string | undefined): string {
  return name === undefined ? '' : ` (did you mean "${name}"?)`
}

/** Levenshtein distance: insertions, deletions and replacements. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced))
    }
    previous = row
  }
  return previous[b.length] ?? 0
}
