// Words what a policy write would change, rule by rule, for the person who decides; computed, never taken from a caller.
import type { ShownRule } from './shown.js'

const MAX_SHOWN = 8

/** One line: rules that come and rules that go, what allows more before what allows less; the whole content is in the request. */
export function describeChange(before: readonly ShownRule[], after: readonly ShownRule[]): string {
  const added = missing(after, before).sort((a, b) => Number(allows(b)) - Number(allows(a)))
  const removed = missing(before, after).sort((a, b) => Number(allows(a)) - Number(allows(b)))
  const parts = [...listing('adds', added.map(text)), ...listing('removes', removed.map(text))]
  return parts.length === 0 ? 'none of its rules' : parts.join('; ')
}

function missing(rules: readonly ShownRule[], from: readonly ShownRule[]): ShownRule[] {
  const there = new Set(from.map(text))
  return rules.filter((rule) => !there.has(text(rule)))
}

function allows({ section, value }: ShownRule): boolean {
  return section.endsWith('.allow') || value === 'allow' || value === 'true'
}

function listing(verb: string, rules: readonly string[]): string[] {
  if (rules.length === 0) return []
  const more = rules.length > MAX_SHOWN ? ` and ${rules.length - MAX_SHOWN} more` : ''
  return [`${verb} ${rules.slice(0, MAX_SHOWN).join(', ')}${more}`]
}

function text({ section, value }: ShownRule): string {
  return `${section}: ${value}`
}
