// Passes every text of a JSON value through a function; must never lose a member, nor change one that the function keeps.
import type { Json } from 'cloned/kernel'

/** Strings, keys, and numbers as JSON writes them. The same value when nothing was changed. */
export function mapTexts(value: Json, map: (text: string) => string): Json {
  if (typeof value === 'string') return map(value)
  if (typeof value === 'number') return mapNumber(value, map)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const copy = (value as readonly Json[]).map((part) => mapTexts(part, map))
    return copy.some((part, i) => part !== value[i]) ? copy : value
  }
  const copy = new Map<string, Json>()
  let changed = false
  for (const [key, part] of Object.entries(value)) {
    const [newKey, newPart] = [map(key), mapTexts(part, map)]
    changed ||= newKey !== key || newPart !== part
    copy.set(freeKey(newKey, copy), newPart)
  }
  // Not by assignment, which would take the key "__proto__" for the prototype.
  return changed ? Object.fromEntries(copy) : value
}

function mapNumber(value: number, map: (text: string) => string): Json {
  // A secret of digits may come back as a number; none is shorter than eight bytes.
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return value
  const text = String(value)
  const mapped = map(text)
  return mapped === text ? value : mapped
}

function freeKey(key: string, taken: ReadonlyMap<string, unknown>): string {
  if (!taken.has(key)) return key
  for (let i = 2; ; i++) if (!taken.has(`${key}#${i}`)) return `${key}#${i}`
}
