// The signed index of a catalog: how it is written, and how its bytes are read; it says what there is, never that it is good.
import {
  compileSchema,
  deepFreeze,
  describeThrown,
  type JsonObject,
  readSchema,
  snapshot,
  wordProblems,
} from 'cloned/kernel'
import type { ConnectorManifest } from '../../package/slot.js'

export const MAX_INDEX_BYTES = 5 * 1024 * 1024
export const MAX_SIGNATURE_BYTES = 64 * 1024

/** One package of a catalog. */
export interface CatalogEntry {
  readonly id: string
  readonly version: string
  readonly publisher_id: string
  readonly title: string
  readonly package_digest: string
  readonly archive: { readonly path: string; readonly size: number; readonly sha256: string }
  readonly tools: readonly string[]
  readonly capabilities: readonly string[]
}

/** `index.json` (schemas/catalog.schema.json). */
export interface CatalogIndex {
  readonly schema: 'cloned.catalog/v1'
  readonly version: number
  readonly issued_at: string
  readonly expires: string
  readonly packages: readonly CatalogEntry[]
}

/** Parses bytes whose signature was verified. Throws with a clause about what is wrong. */
export function parseIndex(bytes: Uint8Array): CatalogIndex {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  let value: JsonObject
  try {
    value = snapshot(JSON.parse(text), { depth: 8, bytes: 4 * MAX_INDEX_BYTES }) as JsonObject
  } catch (cause) {
    throw new Error(`its index cannot be read: ${describeThrown(cause)}`, { cause })
  }
  const problems = compileSchema(readSchema('catalog'))(value)
  if (problems.length > 0) throw new Error(`its index does not fit: ${wordProblems(problems)}`)
  return deepFreeze(value as unknown as CatalogIndex)
}

/** What the index says of a package. */
export function entryOf(manifest: ConnectorManifest, digest: string, archive: CatalogEntry['archive']): CatalogEntry {
  const { id, version, publisher_id, title, tools, provides_capabilities } = manifest
  const names = tools.map((tool) => tool.id)
  return {
    id,
    version,
    publisher_id,
    title,
    package_digest: digest,
    archive,
    tools: names,
    capabilities: provides_capabilities,
  }
}
