// Compares questions by plugin and key; the wording of a reason must never decide what an approval covers.
import { type AskShown, canonical } from 'cloned/kernel'

const nameOf = (ask: AskShown) => canonical([ask.plugin, ask.key])

/** The same text for the same set of questions, whatever their order, repetition or wording. */
export function asksKey(asks: readonly AskShown[]): string {
  return canonical([...new Set(asks.map(nameOf))].sort())
}

/** Whether every question asked was among those shown to the person who decided. */
export function covers(shown: readonly AskShown[], asked: readonly AskShown[]): boolean {
  const names = new Set(shown.map(nameOf))
  return asked.every((ask) => names.has(nameOf(ask)))
}
