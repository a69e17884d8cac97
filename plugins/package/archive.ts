// Makes archives and goes through them file by file; what the manifest does not say of an archive makes it no package.
import { sha256 } from 'cloned/kernel'
import { gunzip, gzip } from './gzip.js'
import { MAX_ARCHIVE_BYTES } from './limits.js'
import { formatManifest } from './manifest.js'
import { MANIFEST, SIGNATURE } from './path.js'
import { refused } from './refuse.js'
import type { ConnectorManifest, PackageFile, PackageHead } from './slot.js'
import { END, member, memberBytes, TarReader } from './tar.js'

/** Hands every file, hashed, to `visit`, in the order of the manifest. Throws at the first that is not as the manifest says. */
export function eachFile(
  archive: Buffer,
  { manifest, signature }: PackageHead,
  { files }: ConnectorManifest,
  visit: (file: PackageFile, content: Buffer) => void = () => undefined,
): void {
  const head = memberBytes(manifest.length) + (signature ? memberBytes(signature.length) : 0)
  const size = files.reduce((total, file) => total + memberBytes(file.size), head + END.length)
  const reader = new TarReader(gunzip(archive, size))
  // What was verified and what stands here must be the same bytes.
  const again = reader.take(MANIFEST, manifest.length)
  if (!again.equals(manifest)) throw refused('its manifest is not the one that was verified')
  if (signature && !reader.take(SIGNATURE, signature.length).equals(signature)) {
    throw refused('its signature is not the one that was verified')
  }
  for (const file of files) {
    const content = reader.take(file.path, file.size, file.executable)
    if (sha256(content) !== file.sha256) throw refused(`the file ${file.path} is not what its manifest says`)
    visit(file, content)
  }
  reader.end()
}

/** `contents` in the order of the manifest. */
export function makeArchive(
  manifest: ConnectorManifest,
  contents: readonly Buffer[],
  signature: Uint8Array | undefined,
): Buffer {
  const members = [
    ...member(MANIFEST, formatManifest(manifest)),
    ...(signature ? member(SIGNATURE, signature) : []),
    ...manifest.files.flatMap((file, i) => member(file.path, contents[i] ?? Buffer.alloc(0), file.executable)),
    END,
  ]
  const archive = gzip(Buffer.concat(members))
  if (archive.length > MAX_ARCHIVE_BYTES) throw refused(`it is larger than ${MAX_ARCHIVE_BYTES} bytes`)
  return archive
}
