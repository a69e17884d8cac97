// Makes an unsigned package of a directory; must never take in what is not a plain file below it.
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from 'cloned/kernel'
import { makeArchive } from './archive.js'
import { parents } from './extract.js'
import { MAX_FILES, MAX_UNPACKED_BYTES } from './limits.js'
import { formatManifest, parseManifest, toolContract } from './manifest.js'
import { DRAFT, MANIFEST, SIGNATURE } from './path.js'
import { refused } from './refuse.js'
import type { ManifestDraft, PackageFile, PackedPackage } from './slot.js'

/** Left out unless `include` names them: what is hidden, what packing reads or makes, and installed dependencies. */
const LEFT_OUT = new Set(['node_modules', DRAFT, MANIFEST, SIGNATURE])

interface Found extends PackageFile {
  readonly content: Buffer
}

/** Throws `PACKAGE_INVALID` for a draft or a directory that no package can be made of. */
export function packDirectory(directory: string, draft: ManifestDraft, createdAt: string): PackedPackage {
  const { include, provides_capabilities, tools, ...rest } = draft
  // Written by hand or by somebody's program: everything else is held to the schema of what comes of it.
  if (!Array.isArray(tools) || !tools.every((tool) => typeof tool === 'object' && tool !== null)) {
    throw refused('its tools are not a list of objects')
  }
  if (include !== undefined && !(Array.isArray(include) && include.every((name) => typeof name === 'string'))) {
    throw refused('its include is not a list of paths')
  }
  const found = collect(directory, include)
  const manifest = parseManifest(
    formatManifest({
      schema: 'cloned.package/v1',
      ...rest,
      created_at: createdAt,
      files: found.map(({ content: _, ...file }) => file),
      tools: tools.map((tool) => ({ ...tool, contract_sha256: toolContract(tool) })),
      provides_capabilities: provides_capabilities ?? [...new Set(tools.map(({ capability }) => capability))].sort(),
    }),
  )
  const archive = makeArchive(
    manifest,
    found.map(({ content }) => content),
    undefined,
  )
  return { archive, manifest, digest: sha256(formatManifest(manifest)) }
}

function collect(directory: string, include: readonly string[] | undefined): readonly Found[] {
  const found: Found[] = []
  let left = MAX_UNPACKED_BYTES
  const visit = (path: string) => {
    const stats = lstatSync(join(directory, path), { throwIfNoEntry: false })
    if (!stats) throw refused(`there is no ${path} in ${directory}`)
    if (stats.isDirectory()) {
      for (const name of readdirSync(join(directory, path)).sort()) visit(`${path}/${name}`)
      return
    }
    if (!stats.isFile()) throw refused(`${path} is not a plain file`)
    left -= stats.size
    if (left < 0 || found.length === MAX_FILES) throw refused('it has too many or too large files')
    const content = readFileSync(join(directory, path))
    const executable = (stats.mode & 0o100) === 0 ? {} : { executable: true }
    found.push({ path, size: content.length, sha256: sha256(content), ...executable, content })
  }
  const names =
    include ??
    readdirSync(directory).filter((name) => !name.startsWith('.') && !LEFT_OUT.has(name) && !/\.tgz$/.test(name))
  for (const name of [...names].sort()) {
    const link = parents(name).find((path) =>
      lstatSync(join(directory, path), { throwIfNoEntry: false })?.isSymbolicLink(),
    )
    if (link !== undefined) throw refused(`${link} is a link`)
    visit(name)
  }
  // By code unit, as sort does it: the same package on every machine.
  return found.sort((a, b) => (a.path < b.path ? -1 : 1))
}
