// Decides who reads each collection, and refuses who adds to another contract than is read; pure.
import { fits } from './adapter.js'
import { ClonedError } from './errors.js'
import { KERNEL_ID } from './plan-layers.js'
import { names } from './plan-slots.js'
import type { Plugin } from './plugin.js'
import type { Collection } from './token.js'
import { toolSourcesCollection, toolsCollection } from './tool.js'

interface Collections {
  /** Collection id → plugin id of its owner. */
  readonly owners: Record<string, string>
  /** Collection id → the token that it is read by. */
  readonly readers: ReadonlyMap<string, Collection<unknown>>
}

export function findCollections(plugins: readonly Plugin[], problems: ClonedError[]): Collections {
  const claims = new Map<string, string[]>()
  const readers = new Map<string, Collection<unknown>>()
  for (const token of [toolsCollection, toolSourcesCollection]) {
    claims.set(token.id, [KERNEL_ID])
    readers.set(token.id, token)
  }
  for (const plugin of plugins) {
    for (const token of Object.values(plugin.manifest.owns)) {
      claims.set(token.id, [...(claims.get(token.id) ?? []), plugin.manifest.id])
      if (!readers.has(token.id)) readers.set(token.id, token)
    }
  }
  const owners = Object.fromEntries([...claims].map(([id, found]) => [id, found[0] ?? KERNEL_ID]))
  checkContributions({ plugins, owners, readers, problems })
  for (const [collection, found] of claims) {
    if (found.length > 1) problems.push(new ClonedError('COLLECTION_CONFLICT', { collection, owners: names(found) }))
  }
  return { owners, readers }
}

function checkContributions({
  plugins,
  owners,
  readers,
  problems,
}: Collections & { plugins: readonly Plugin[]; problems: ClonedError[] }): void {
  for (const { manifest } of plugins) {
    for (const token of Object.values(manifest.contributes)) {
      const reader = readers.get(token.id)
      if (!reader || fits(reader, token)) continue
      const owner = owners[token.id] ?? KERNEL_ID
      const [given, read] = [token.contract, reader.contract]
      const params = { collection: token.id, plugin: manifest.id, given, owner, read }
      const behind = given < read ? manifest.id : owner
      problems.push(new ClonedError('COLLECTION_CONTRACT', { ...params, behind, newest: Math.max(given, read) }))
    }
  }
}
