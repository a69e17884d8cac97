// Finds the signed bundle of an artifact and the key that signed it, for whoever hands both out; judges neither.
import type { KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import { openBundle } from './bundle.js'
import { MANIFEST } from './save.js'
import type { ArtifactManifest } from './slot.js'

/** Finds the public key of a kid; `undefined` for one that the workspace never had. */
export type FindKey = (kid: string) => Promise<KeyObject | undefined>

/** Throws `ARTIFACT_DAMAGED` where no key of the workspace can have signed it. */
export async function bundleOf(
  { manifest, path }: { readonly manifest: ArtifactManifest; readonly path: string },
  keyOf: FindKey,
): Promise<{ readonly text: string; readonly kid: string; readonly key: KeyObject }> {
  const text = await readFile(join(dirname(dirname(path)), MANIFEST), 'utf8')
  const { kid } = openBundle(text)
  const key = await keyOf(kid)
  if (!key) throw new ClonedError('ARTIFACT_DAMAGED', { artifact: manifest.id })
  return { text, kid, key }
}
