// Decides whether a person here has taken up the vault section of the workspace's configuration as it stands.
import { timingSafeEqual } from 'node:crypto'
import { dirname } from 'node:path'
import { canonical, type Json, privateDirectory, readPrivateFile, writeFileAtomic } from 'cloned/kernel'
import type { Keys } from '../keys/slot.js'

/** The key's purpose. Its key lies outside the workspace, so that a workspace from elsewhere cannot adopt itself. */
const PURPOSE = 'vault-adoption'

export interface Adoption {
  /** Whether this very section was adopted. */
  adopted(section: Json): Promise<boolean>
  adopt(section: Json): Promise<void>
}

/** `path` is `.cloned/vault/adopted`. */
export function adoption(keys: Pick<Keys, 'mac' | 'macKey'>, path: () => string): Adoption {
  return {
    async adopted(section) {
      const [kid = '', tag = ''] = readPrivateFile(path(), { maxBytes: 200 })?.toString('utf8').trim().split(':') ?? []
      const key = kid === '' ? undefined : await keys.macKey(PURPOSE, kid)
      if (!key) return false
      const wanted = Buffer.from(key.mac(canonical(section)))
      const found = Buffer.from(tag)
      return found.length === wanted.length && timingSafeEqual(found, wanted)
    },
    async adopt(section) {
      const key = await keys.mac(PURPOSE)
      privateDirectory(dirname(path()))
      writeFileAtomic(path(), `${key.kid}:${key.mac(canonical(section))}\n`)
    },
  }
}
