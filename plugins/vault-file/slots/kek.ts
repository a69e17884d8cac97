// Wraps the data key under a key-encryption key; the slot's own description is bound to it, so that none can be edited.
import type { JsonObject } from 'cloned/kernel'
import { seal, unseal } from '../crypto.js'
import type { StoredSlot } from '../document.js'
import type { Wrapped } from './slot-type.js'

interface SlotOf {
  readonly vaultId: string
  readonly id: string
  readonly type: StoredSlot['type']
  readonly params: JsonObject
}

const aad = ({ vaultId, id, type, params }: SlotOf) => ({ vault_id: vaultId, id, type, params })

/** Wipes `kek`. */
export function wrapUnder(kek: Buffer, of: SlotOf, dek: Buffer): Wrapped {
  try {
    const { iv, ct, tag } = seal(kek, aad(of), dek)
    return { params: of.params, iv, wrapped_dek: ct, tag }
  } finally {
    kek.fill(0)
  }
}

/** Wipes `kek`. Throws when it is another key. */
export function unwrapUnder(
  kek: Buffer,
  vaultId: string,
  { id, type, params, iv = '', wrapped_dek, tag = '' }: StoredSlot,
) {
  try {
    return unseal(kek, aad({ vaultId, id, type, params }), { iv, ct: wrapped_dek, tag })
  } finally {
    kek.fill(0)
  }
}
