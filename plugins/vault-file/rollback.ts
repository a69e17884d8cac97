// Decides whether the vault file is the one that was last written, by what the audit log says of the last write.
import type { StoredRecord } from 'cloned/kernel'
import type { VaultFile } from './document.js'

/** What is wrong with the file, or nothing. */
export function rollbackOf(file: VaultFile | undefined, last: StoredRecord | undefined): string | undefined {
  if (!last) return undefined
  const { vault, generation, mac } = last.record
  if (!file) return `it is gone, and record ${last.seq} of the audit log knows generation ${generation}`
  if (file.vault_id !== vault) return `record ${last.seq} of the audit log knows another vault`
  if (typeof generation !== 'number' || file.generation < generation) {
    return `it is of generation ${file.generation}, and record ${last.seq} of the audit log knows ${generation}`
  }
  if (file.generation === generation && file.mac !== mac) {
    return `it is not the content that record ${last.seq} of the audit log knows`
  }
  // One ahead is a writer that died between the file and the record; only who holds the data key can make it.
  return undefined
}
