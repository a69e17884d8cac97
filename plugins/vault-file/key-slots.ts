// Adds and removes ways to open the vault; must never leave it with none that opens here.
import { randomBytes } from 'node:crypto'
import { ClonedError } from 'cloned/kernel'
import type { KeySlots } from '../vault/slot.js'
import { openSlot, slotTypes } from './slots/index.js'
import type { VaultStore } from './vault-store.js'

export function createKeySlots(store: VaultStore): KeySlots {
  return {
    types: [...slotTypes.keys()],
    secretTypes: [...slotTypes.values()].filter(({ secret }) => secret).map(({ type }) => type),
    async list() {
      const open = await store.read()
      return await Promise.all(
        (open?.file.slots ?? []).map(async (slot) => ({
          id: slot.id,
          type: slot.type,
          detail: slotTypes.get(slot.type)?.detail(slot.params) ?? '',
          usable: typeof (await openSlot(slot, store.toolsFor(open?.file.vault_id ?? ''))) !== 'string',
        })),
      )
    },
    async add(type, about, record) {
      const known = slotTypes.get(type)
      if (!known) throw new ClonedError('VAULT_SLOT', { problem: `there is no type "${type.slice(0, 32)}"` })
      await store.write(async (body, dek) => {
        const id = randomBytes(8).toString('hex')
        const wrapped = await known.wrap(dek, { id, ...about }, store.toolsFor(body.vault_id))
        return { body: { ...body, slots: [...body.slots, { id, type: known.type, ...wrapped }] }, name: id }
      }, record)
    },
    async remove(id, record) {
      await store.write(async (body) => {
        const slots = body.slots.filter((slot) => slot.id !== id)
        if (slots.length === body.slots.length)
          throw new ClonedError('VAULT_SLOT', { problem: `there is no slot ${id}` })
        const tools = store.toolsFor(body.vault_id)
        for (const slot of slots) {
          if (typeof (await openSlot(slot, tools)) !== 'string') return { body: { ...body, slots }, name: id }
        }
        throw new ClonedError('VAULT_SLOT', { problem: 'nothing that is left would open the vault here' })
      }, record)
    },
  }
}
