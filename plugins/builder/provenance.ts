// Decides which package each plugin comes from, by where its id stands beside a definition; it runs none of them.
import { readFileSync } from 'node:fs'
import type { Package } from './packages.js'

/** Plugin id → package. Several packages that define one id are all named: whoever reads the lock has to look. */
export function definedIn(
  ids: readonly string[],
  files: ReadonlyMap<Package, readonly string[]>,
): ReadonlyMap<string, string> {
  const found = new Map<string, Set<string>>()
  const wanted = new Set(ids)
  for (const [{ name }, paths] of files) {
    for (const path of paths) {
      const text = readFileSync(path, 'utf8')
      if (!text.includes('definePlugin')) continue
      // `id: 'acme.kms'`, or a constant that the definition names.
      for (const [, , id = ''] of text.matchAll(/(?:\bid:|=)\s*(['"`])([a-z0-9.-]+)\1/g)) {
        if (wanted.has(id)) found.set(id, (found.get(id) ?? new Set()).add(name))
      }
    }
  }
  return new Map([...found].map(([id, names]) => [id, [...names].sort().join(' or ')]))
}
