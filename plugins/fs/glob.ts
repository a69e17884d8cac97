// Compiles globs and matches paths in bounded time; must never let a pattern of the caller become a regular expression.
import { refuse, shown } from './refuse.js'

const MAX_GLOB = 256
const MAX_CHOICES = 32

/** A compiled glob. */
export interface Glob {
  /** Whether something below a directory can match. */
  reaches(segments: readonly string[]): boolean
  /** Whether a path matches, given as segments. */
  matches(segments: readonly string[]): boolean
}

/**
 * Compiles a glob: `*` and `?` within a name, `**` for any number of directories, `{a,b}` for a choice (not nested).
 * Everything else is literal. Wildcards match a leading dot only where the pattern has one too.
 * Throws `FS_GLOB_REFUSED`. Glob libraries compile to regular expressions, and `*a*a*a*a*b` is enough to hang one.
 */
export function compileGlob(glob: string): Glob {
  const wrong = (reason: string) => refuse('FS_GLOB_REFUSED', { glob: shown(glob), reason })
  if (glob === '') throw wrong('it is empty')
  if (glob.length > MAX_GLOB) throw wrong(`it is longer than ${MAX_GLOB} characters`)
  if (glob.includes('\\') || glob.includes('\0')) throw wrong('it holds a backslash or a NUL')
  if (glob.startsWith('/')) throw wrong('it is absolute')
  const choices = expand(glob)
  if (choices === 'nested') throw wrong('its braces are nested or not closed')
  if (choices === 'many') throw wrong(`its braces make more than ${MAX_CHOICES} patterns`)
  const patterns = choices.map((choice) => choice.split('/').filter((part) => part !== '' && part !== '.'))
  if (patterns.some((pattern) => pattern.includes('..'))) throw wrong('it holds ".."')
  return {
    reaches: (segments) => patterns.some((pattern) => leadsBelow(pattern, segments)),
    matches: (segments) => patterns.some((pattern) => wild(pattern, segments, '**', isVisible, matchesName)),
  }
}

function leadsBelow(pattern: readonly string[], segments: readonly string[]): boolean {
  for (const [i, segment] of segments.entries()) {
    const want = pattern[i]
    if (want === '**') return true
    if (want === undefined || !matchesName(want, segment)) return false
  }
  return pattern.length > segments.length
}

function matchesName(pattern: string, name: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false
  return wild(
    [...pattern],
    [...name],
    '*',
    () => true,
    (want, char) => want === '?' || want === char,
  )
}

function isVisible(name: string): boolean {
  return !name.startsWith('.')
}

/**
 * Matches a list against a pattern in which `star` stands for any run of items that it may cover. Going back to the last
 * star only is enough, so the work is at most pattern length times list length.
 */
function wild(
  pattern: readonly string[],
  items: readonly string[],
  star: string,
  covers: (item: string) => boolean,
  fits: (want: string, item: string) => boolean,
): boolean {
  let at = 0
  let back: { at: number; item: number } | undefined
  for (let i = 0; i < items.length; ) {
    const item = items[i] as string
    const want = pattern[at]
    if (want === star) {
      back = { at: ++at, item: i }
    } else if (want !== undefined && fits(want, item)) {
      at++
      i++
    } else if (back && covers(items[back.item] as string)) {
      back.item++
      at = back.at
      i = back.item
    } else {
      return false
    }
  }
  while (pattern[at] === star) at++
  return at === pattern.length
}

function expand(glob: string): readonly string[] | 'nested' | 'many' {
  let made = ['']
  const parts = glob.split(/(\{[^{}]*\})/)
  for (const part of parts) {
    const options = /^\{.*\}$/s.test(part) ? part.slice(1, -1).split(',') : [part]
    if (options.length === 1 && /[{}]/.test(options[0] as string)) return 'nested'
    if (made.length * options.length > MAX_CHOICES) return 'many'
    made = made.flatMap((start) => options.map((option) => start + option))
  }
  return made
}
