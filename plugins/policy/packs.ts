// Reads the built-in packs; they come with the package, and nothing in a workspace may stand in for one.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type PackName, parseDocument } from './document.js'
import type { Layer } from './merge.js'

const packs = new Map<PackName, Layer>()

/** The layer of a built-in pack, read once per process. Throws `FILE_INVALID` when the installation is damaged. */
export function builtInPack(pack: PackName): Layer {
  const known = packs.get(pack)
  if (known) return known
  const path = fileURLToPath(new URL(`./packs/${pack}.yaml`, import.meta.url))
  const document = parseDocument(readFileSync(path, 'utf8'), { path, pack })
  const layer: Layer = { document, origin: 'pack', where: (_, as) => `${pack} pack: ${as}` }
  packs.set(pack, layer)
  return layer
}
