// Lists the types of key slot and opens a data key with the first that fits; must never say more of a failure than why.
import { describeThrown } from 'cloned/kernel'
import type { StoredSlot } from '../document.js'
import { ageSlot } from './age.js'
import { keychainSlot } from './keychain.js'
import { keyfileSlot } from './keyfile.js'
import { argon2idSlot, scryptSlot } from './passphrase.js'
import type { SlotTools, SlotType } from './slot-type.js'

const TYPES: readonly SlotType[] = [keyfileSlot, scryptSlot, argon2idSlot, keychainSlot, ageSlot]

export const slotTypes: ReadonlyMap<string, SlotType> = new Map(TYPES.map((type) => [type.type, type]))

/** The data key and the slot that gave it, or why each slot did not. Slots that cost nothing are tried first. */
export async function openSlots(
  slots: readonly StoredSlot[],
  tools: SlotTools,
): Promise<{ dek: Buffer; by: string } | { problems: readonly string[] }> {
  const problems: string[] = []
  const order = [...slots].sort((a, b) => rank(a) - rank(b))
  for (const slot of order) {
    const opened = await openSlot(slot, tools)
    if (typeof opened !== 'string') return { dek: opened, by: slot.id }
    problems.push(`${slot.type} ${slot.id}: ${opened}`)
  }
  return { problems }
}

/** The data key, or why it does not open here. */
export async function openSlot(slot: StoredSlot, tools: SlotTools): Promise<Buffer | string> {
  const type = slotTypes.get(slot.type)
  if (!type) return 'this type is not known'
  try {
    const dek = await type.unwrap(slot, tools)
    return dek.length === 32 ? dek : 'it holds no data key'
  } catch (error) {
    return describeThrown(error)
  }
}

function rank({ type }: StoredSlot): number {
  return TYPES.findIndex((known) => known.type === type)
}
