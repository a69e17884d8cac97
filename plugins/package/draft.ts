// Reads connector.json, the draft of a manifest that an author writes by hand; what comes of it is judged when it is packed.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readJson } from 'cloned/kernel'
import { DRAFT } from './path.js'
import type { ManifestDraft } from './slot.js'

/** `undefined` when there is none. Throws `FILE_INVALID`. */
export function readDraft(directory: string): ManifestDraft | undefined {
  const path = join(directory, DRAFT)
  return existsSync(path) ? (readJson(path) as unknown as ManifestDraft) : undefined
}
