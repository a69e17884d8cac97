// Words a length of time for people; exact, never rounded.

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
  [1, 'ms'],
]

/** `90 min`, `24 h`, `7 d`: the largest unit that divides it, except that one day reads as 24 h. */
export function durationOf(ms: number): string {
  if (ms === 86_400_000) return '24 h'
  const [unit, name] = UNITS.find(([size]) => ms >= size && ms % size === 0) ?? [1, 'ms']
  return `${ms / unit} ${name}`
}
