// Decides whether a pattern that a stranger wrote may be matched in this process; in doubt it may not.

/** A group that repeats without bounds and begins with a mark that its one repeated class does not hold: `(?:-[a-z0-9]+)*`. */
const SEPARATED = /^(?:\?:)?(\\[^\w\s]|[^\w\s\\[\](){}.*+?|^$])(\[(?:[^\]\\]|\\.)+\]|\\[wds]|\w)[+*]$/
const UNBOUNDED = /^(?:[*+]|\{\d+,\})\??/
const BOUNDED = /^\{(?:\d+,)?(\d+)\}/
/** So often repeated, what branches takes as long as if it were without bounds: `(a?){30}`. */
const OFTEN = 10
const MAX_LENGTH = 2_000
const MAX_REPEATED = 12

/** Why not; `undefined` for one that takes no more than a few passes over a text. */
export function unsafePattern(pattern: string): string | undefined {
  if (pattern.length > MAX_LENGTH) return 'is too long'
  try {
    new RegExp(pattern, 'u')
  } catch {
    return 'is no regular expression'
  }
  // Backwards references make matching exponential by themselves.
  if (/\\[1-9k]/.test(pattern.replaceAll('\\\\', ''))) return 'refers back'
  return exponential(pattern) ? 'may take for ever' : undefined
}

interface Group {
  readonly start: number
  /** Whether something in it repeats without bounds, is one of several, or may be missing. */
  branches: boolean
}

/** Whether something that repeats without bounds is repeated without bounds, and so on. */
function exponential(pattern: string): boolean {
  const open: Group[] = []
  let repeated = 0
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]
    let closed: Group | undefined
    if (c === '(') {
      open.push({ start: i + 1, branches: false })
      continue
    }
    if (c === '|') {
      for (const group of open) group.branches = true
      continue
    }
    if (c === '\\') i++
    else if (c === '[') i = classEnd(pattern, i)
    else if (c === ')') closed = open.pop()
    else if (c === '*' || c === '+' || c === '{' || c === '?') continue
    const after = pattern.slice(i + 1, i + 25)
    const unbounded = UNBOUNDED.test(after)
    const often = Number(BOUNDED.exec(after)?.[1] ?? 0) > OFTEN
    if ((unbounded || often) && closed?.branches && !separated(pattern.slice(closed.start, i))) return true
    if (!unbounded && !after.startsWith('?')) continue
    if (unbounded && ++repeated > MAX_REPEATED) return true
    for (const group of open) group.branches = true
  }
  return false
}

function separated(group: string): boolean {
  const [, mark, of] = SEPARATED.exec(group) ?? []
  return mark !== undefined && of !== undefined && !new RegExp(`^${of}$`, 'u').test(mark.replace('\\', ''))
}

function classEnd(pattern: string, from: number): number {
  for (let i = from + 1; i < pattern.length; i++) {
    if (pattern[i] === '\\') i++
    else if (pattern[i] === ']') return i
  }
  return pattern.length
}
