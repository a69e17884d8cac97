// Makes the signed index of a directory of packages, for whoever keeps a catalog; it raises the version each time.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { sha256, writeFileAtomic } from 'cloned/kernel'
import type { Packages } from '../../package/slot.js'
import type { Trust } from '../../trust/slot.js'
import { readPlainFile } from '../incoming.js'
import { type CatalogEntry, type CatalogIndex, entryOf, parseIndex } from './index-file.js'

export interface MakeParts {
  readonly packages: Packages
  readonly trust: Pick<Trust, 'sign'>
}

/** Takes every package under `packages/<id>/<version>/`. Throws `PACKAGE_INVALID` for one that is none or lies elsewhere. */
export async function makeIndex(
  { packages, trust }: MakeParts,
  directory: string,
  { pem, now, days }: { pem: string; now: number; days: number },
): Promise<CatalogIndex> {
  const entries: CatalogEntry[] = []
  for (const path of archives(directory)) {
    const archive = readPlainFile(join(directory, path), packages.maxBytes)
    const head = await packages.head(archive)
    const manifest = packages.manifest(head.manifest)
    packages.check(archive, head, manifest)
    if (!path.startsWith(`packages/${manifest.id}/${manifest.version}/`)) {
      throw new Error(`${path} holds ${manifest.id} ${manifest.version} and has to lie in a directory of those names`)
    }
    entries.push(entryOf(manifest, head.digest, { path, size: archive.length, sha256: sha256(archive) }))
  }
  const index: CatalogIndex = {
    schema: 'cloned.catalog/v1',
    version: versionOf(join(directory, 'index.json')) + 1,
    issued_at: new Date(now).toISOString(),
    expires: new Date(now + days * 24 * 3_600_000).toISOString(),
    packages: entries,
  }
  const bytes = Buffer.from(`${JSON.stringify(index, null, 2)}\n`)
  parseIndex(bytes)
  const { signature } = trust.sign(bytes, { type: 'catalog', pem })
  writeFileAtomic(join(directory, 'index.json.sig'), signature, { mode: 0o644 })
  writeFileAtomic(join(directory, 'index.json'), bytes, { mode: 0o644 })
  return index
}

function archives(directory: string): string[] {
  const list = (path: string) =>
    readdirSync(join(directory, path))
      .sort()
      .map((name) => `${path}/${name}`)
  return list('packages')
    .flatMap(list)
    .flatMap(list)
    .filter((path) => path.endsWith('.tgz'))
}

function versionOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false }) ? parseIndex(readFileSync(path)).version : 0
}
