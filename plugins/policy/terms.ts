// Reads the small terms of a policy file: durations, and what a budget cap is about; must never guess at either.
import type { CapEntry } from './document.js'

/** Milliseconds of `90s`, `15m`, `24h` or `7d`. */
export function durationMs(text: string): number {
  const unit = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[text.slice(-1)]
  const count = Number(text.slice(0, -1))
  if (unit === undefined || !Number.isSafeInteger(count)) throw new RangeError(`"${text}" is not a duration`)
  return count * unit
}

/** Caps with one key are about the same thing: those of an overlay replace those of the pack. */
export function capKey({ category, tools, per = 'workspace' }: Pick<CapEntry, 'category' | 'tools' | 'per'>): string {
  return JSON.stringify([category, tools === undefined ? null : [...new Set(tools)].sort(), per])
}
