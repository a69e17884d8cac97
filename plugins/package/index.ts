// The package plugin: makes and reads connector packages; it knows no keys and keeps nothing.
import { definePlugin } from 'cloned/kernel'
import { eachFile, makeArchive } from './archive.js'
import { readDraft } from './draft.js'
import { extractPackage } from './extract.js'
import { readHead } from './head.js'
import { InstalledPackages } from './installed.js'
import { MAX_ARCHIVE_BYTES } from './limits.js'
import { parseManifest } from './manifest.js'
import { packDirectory } from './pack.js'
import { type Packages, packagesSlot } from './slot.js'

export * from './slot.js'

/** The package format as a service. */
export function createPackages(): Packages {
  const unpacked = new InstalledPackages()
  return {
    maxBytes: MAX_ARCHIVE_BYTES,
    head: (archive) => readHead(bufferOf(archive)),
    manifest: parseManifest,
    check: (archive, head, manifest) => eachFile(bufferOf(archive), head, manifest),
    extract: (archive, head, manifest, directory) => extractPackage(bufferOf(archive), head, manifest, directory),
    installed: (directory, digest) => unpacked.read(directory, digest),
    draft: readDraft,
    pack: packDirectory,
    async withSignature(archive, signature) {
      const bytes = bufferOf(archive)
      const head = await readHead(bytes)
      const manifest = parseManifest(head.manifest)
      const contents: Buffer[] = []
      eachFile(bytes, head, manifest, (_, content) => contents.push(content))
      return makeArchive(manifest, contents, Buffer.from(signature))
    },
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export const packagePlugin = definePlugin({
  id: 'cloned.package',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'The format of connector packages: making, reading and unpacking them',
  provides: { packages: packagesSlot },
  setup: () => ({ packages: createPackages() }),
})
