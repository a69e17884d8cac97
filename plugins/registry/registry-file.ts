// Reads and writes registry.yaml, the view of the registry for people and hosts; an edit of it can only switch off.
import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { readSchema, readYaml, writeFileAtomic } from 'cloned/kernel'
import type { YAMLMap, YAMLSeq } from 'yaml'
import type { ConnectorManifest } from '../package/slot.js'
import type { Installed, RegistryState } from './table.js'

/** One connector as the file has it (schemas/registry.schema.json). */
export interface RegistryEntry {
  readonly id: string
  readonly version: string
  readonly package_digest: string
  readonly publisher_id: string
  readonly enabled: boolean
}

const require = createRequire(import.meta.url)
const HEAD = ` Connectors installed in this workspace, as approved. Setting "enabled: false" switches one off;
 everything else is changed by: cloned connectors install|enable|disable|remove`

/** Entries by id; empty without a file. Throws `FILE_INVALID`. */
export function readRegistryFile(path: string): ReadonlyMap<string, RegistryEntry> {
  if (!statSync(path, { throwIfNoEntry: false })) return new Map()
  const { connectors } = readYaml(path, readSchema('registry')) as unknown as { connectors: readonly RegistryEntry[] }
  return new Map(connectors.map((entry) => [entry.id, entry]))
}

/**
 * Brings the file to what was approved; comments and the order of entries survive. What somebody switched off by hand
 * stays off, except `changed`, which was just decided about.
 */
export function writeRegistryFile(
  path: string,
  { generation, installed }: RegistryState,
  manifestOf: (row: Installed) => ConnectorManifest | undefined,
  changed: string,
): void {
  const { Document, isMap, isSeq, parseDocument } = require('yaml') as typeof import('yaml')
  const present = readRegistryFile(path)
  const document = statSync(path, { throwIfNoEntry: false })
    ? parseDocument(readFileSync(path, 'utf8'))
    : new Document({ schema: 'cloned.registry/v1', generation: 0, connectors: [] })
  if (present.size === 0 && !document.commentBefore) document.commentBefore = HEAD
  document.set('generation', generation)
  const found = document.get('connectors')
  const list = (isSeq(found) ? found : document.createNode([])) as YAMLSeq
  document.set('connectors', list)
  list.flow = false
  list.items = list.items.filter((item) => isMap(item) && installed.some(({ id }) => id === item.get('id')))
  for (const row of installed) {
    const before = present.get(row.id)
    const keptOff = row.id !== changed && before?.package_digest === row.digest && !before.enabled
    const fields = fieldsOf(row, manifestOf(row), row.enabled && !keptOff)
    const item = list.items.find((node) => isMap(node) && node.get('id') === row.id) as YAMLMap | undefined
    if (item) {
      const { tools, ...scalars } = fields
      // Set as plain values: a node in their place would lose the comment behind it.
      for (const [key, value] of Object.entries(scalars)) item.set(key, value)
      if (before?.package_digest !== row.digest) item.set('tools', document.createNode(tools))
    } else list.items.push(document.createNode(fields))
  }
  writeFileAtomic(path, document.toString({ lineWidth: 0 }))
}

function fieldsOf(row: Installed, manifest: ConnectorManifest | undefined, enabled: boolean) {
  return {
    id: row.id,
    version: row.version,
    package_digest: row.digest,
    publisher_id: row.publisher,
    enabled,
    installed_at: new Date(row.installedAt).toISOString(),
    installed_by: row.installedBy,
    call_id: row.callId,
    tools: (manifest?.tools ?? []).map(({ id, contract_sha256 }) => ({ id, contract_sha256 })),
  }
}
