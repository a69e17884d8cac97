// Decides who reads each collection, and refuses who adds to another contract than is read; pure.
import { ClonedError } from './errors.js'
import { KERNEL_ID, names } from './plan-slots.js'
import type { Plugin } from './plugin.js'
import { toolSourcesCollection, toolsCollection } from './tool.js'

/** Collection id → plugin id of its owner. */
export function findCollections(plugins: readonly Plugin[], problems: ClonedError[]): Record<string, string> {
  const claims = new Map<string, string[]>()
  const read = new Map<string, { contract: number; owner: string }>()
  for (const { id, contract } of [toolsCollection, toolSourcesCollection]) {
    claims.set(id, [KERNEL_ID])
    read.set(id, { contract, owner: KERNEL_ID })
  }
  for (const plugin of plugins) {
    for (const { id, contract } of Object.values(plugin.manifest.owns)) {
      claims.set(id, [...(claims.get(id) ?? []), plugin.manifest.id])
      if (!read.has(id)) read.set(id, { contract, owner: plugin.manifest.id })
    }
  }
  checkContributions(plugins, read, problems)
  for (const [collection, owners] of claims) {
    if (owners.length > 1) problems.push(new ClonedError('COLLECTION_CONFLICT', { collection, owners: names(owners) }))
  }
  return Object.fromEntries([...claims].map(([id, owners]) => [id, owners[0] ?? KERNEL_ID]))
}

function checkContributions(
  plugins: readonly Plugin[],
  read: ReadonlyMap<string, { contract: number; owner: string }>,
  problems: ClonedError[],
): void {
  for (const { manifest } of plugins) {
    for (const { id, contract: given } of Object.values(manifest.contributes)) {
      const reader = read.get(id)
      if (!reader || reader.contract === given) continue
      const { contract, owner } = reader
      const params = { collection: id, plugin: manifest.id, given, owner, read: contract }
      const behind = given < contract ? manifest.id : owner
      problems.push(new ClonedError('COLLECTION_CONTRACT', { ...params, behind, newest: Math.max(given, contract) }))
    }
  }
}
