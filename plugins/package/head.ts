// Reads manifest and signature off the front of an archive, as bytes; judges neither.
import { sha256 } from 'cloned/kernel'
import { gunzipStart } from './gzip.js'
import { MAX_ARCHIVE_BYTES, MAX_MANIFEST_BYTES, MAX_SIGNATURE_BYTES } from './limits.js'
import { MANIFEST, SIGNATURE } from './path.js'
import { refused } from './refuse.js'
import type { PackageHead } from './slot.js'
import { memberBytes, TarReader } from './tar.js'

const HEAD_BYTES = memberBytes(MAX_MANIFEST_BYTES) + memberBytes(MAX_SIGNATURE_BYTES)

export async function readHead(archive: Buffer): Promise<PackageHead> {
  if (archive.length > MAX_ARCHIVE_BYTES) throw refused(`it is larger than ${MAX_ARCHIVE_BYTES} bytes`)
  const reader = new TarReader(await gunzipStart(archive, HEAD_BYTES))
  const size = reader.sizeOf(MANIFEST)
  if (size === undefined) throw refused(`it does not begin with ${MANIFEST}`)
  if (size > MAX_MANIFEST_BYTES) throw refused(`its manifest is larger than ${MAX_MANIFEST_BYTES} bytes`)
  const manifest = Buffer.from(reader.take(MANIFEST, size))
  const signed = reader.sizeOf(SIGNATURE)
  if (signed !== undefined && signed > MAX_SIGNATURE_BYTES) {
    throw refused(`its signature is larger than ${MAX_SIGNATURE_BYTES} bytes`)
  }
  const signature = signed === undefined ? undefined : Buffer.from(reader.take(SIGNATURE, signed))
  return { manifest, signature, digest: sha256(manifest) }
}
