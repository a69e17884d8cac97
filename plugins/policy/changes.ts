// Words what a policy write would change, rule by rule, for the person who decides; computed, never taken from a caller.
import type { ShownRule } from './effective.js'

const MAX_SHOWN = 8

/** One line: rules that come and rules that go; the whole content is in the request. */
export function describeChange(before: readonly ShownRule[], after: readonly ShownRule[]): string {
  const parts = [...listing('adds', missing(after, before)), ...listing('removes', missing(before, after))]
  return parts.length === 0 ? 'no rule changes' : parts.join('; ')
}

function missing(rules: readonly ShownRule[], from: readonly ShownRule[]): string[] {
  const there = new Set(from.map(text))
  return rules.map(text).filter((rule) => !there.has(rule))
}

function listing(verb: string, rules: readonly string[]): string[] {
  if (rules.length === 0) return []
  const more = rules.length > MAX_SHOWN ? ` and ${rules.length - MAX_SHOWN} more` : ''
  return [`${verb} ${rules.slice(0, MAX_SHOWN).join(', ')}${more}`]
}

function text({ section, value }: ShownRule): string {
  return `${section}: ${value}`
}
