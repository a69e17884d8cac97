// The key slot that opens with the keychain of the operating system; a keychain that forgets must never be taken for one.
import { randomBytes } from 'node:crypto'
import { unwrapUnder, wrapUnder } from './kek.js'
import type { SlotTools, SlotType } from './slot-type.js'

const SERVICE = 'cloned vault'

export const keychainSlot: SlotType = {
  type: 'keychain',
  secret: false,
  async wrap(dek, { id }, tools) {
    const kek = randomBytes(32)
    const entry = await entryOf(tools, id)
    await entry.setSecret(kek)
    // Some stores take a secret and lose it; found out now, not when the vault has to be opened.
    const kept = await entry.getSecret()
    if (!kept || !kek.equals(Buffer.from(Array.from(kept)))) throw new Error('the keychain did not keep the key')
    return wrapUnder(kek, { vaultId: tools.vaultId, id, type: 'keychain', params: {} }, dek)
  },
  async unwrap(slot, tools) {
    const kept = await (await entryOf(tools, slot.id)).getSecret()
    if (!kept) throw new Error('the keychain has no key for it')
    return unwrapUnder(Buffer.from(Array.from(kept)), tools.vaultId, slot)
  },
  detail: () => 'keychain of this account',
}

async function entryOf({ keychain, vaultId }: SlotTools, id: string) {
  const { AsyncEntry } = await keychain()
  // Left to itself it falls back to the kernel's key ring on Linux, which is empty after a restart.
  return new AsyncEntry(SERVICE, `${vaultId}:${id}`, { linux: { store: 'secret-service' } })
}
