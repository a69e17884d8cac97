// Finds the known word that a mistyped one is closest to; a suggestion for people, and must never be acted upon.

// People type short words; a longer text is not a slip, and must not cost quadratic time.
const MAX_LENGTH = 128

/** The closest of the known words by edit distance, or nothing when none is near enough to be a slip. */
export function nearest(typed: string, known: Iterable<string>): string | undefined {
  if (typed.length > MAX_LENGTH) return undefined
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(typed.length / 3)) + 1
  for (const candidate of known) {
    const sameLetters = candidate.toLowerCase() === typed.toLowerCase()
    const distance = sameLetters ? 0 : editDistance(typed, candidate, bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** ` (did you mean "…"?)` for the end of a sentence, or nothing. */
export function didYouMean(typed: string, known: Iterable<string>): string {
  return suggestion(nearest(typed, known))
}

/** The same for a name that is already chosen. */
export function suggestion(name: string | undefined): string {
  return name === undefined ? '' : ` (did you mean "${name}"?)`
}

function editDistance(a: string, b: string, atLeast: number): number {
  if (Math.abs(a.length - b.length) >= atLeast) return atLeast
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? atLeast
}
