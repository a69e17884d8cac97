// The key slot that opens with a key file of the workspace, which lies outside of it; the default.
import type { MacKey } from '../../keys/slot.js'
import { unwrapUnder, wrapUnder } from './kek.js'
import type { SlotType } from './slot-type.js'

const PURPOSE = 'vault'

export const keyfileSlot: SlotType = {
  type: 'keyfile',
  secret: false,
  async wrap(dek, { id }, { keys, vaultId }) {
    const key = await keys.mac(PURPOSE)
    return wrapUnder(kekOf(key, vaultId), { vaultId, id, type: 'keyfile', params: { kid: key.kid } }, dek)
  },
  async unwrap(slot, { keys, vaultId }) {
    const kid = String(slot.params['kid'])
    const key = await keys.macKey(PURPOSE, kid)
    if (!key) throw new Error(`key ${kid} is not here`)
    return unwrapUnder(kekOf(key, vaultId), vaultId, slot)
  },
  detail: ({ kid }) => `key ${kid} of this workspace, outside of it`,
}

function kekOf(key: MacKey, vaultId: string): Buffer {
  return Buffer.from(key.mac(`cloned.vault/v1|${vaultId}|kek`), 'hex')
}
