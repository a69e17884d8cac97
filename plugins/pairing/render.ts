// Words devices for machines; shows every field that a person may judge by, and no secret, for there is none.
import type { JsonObject } from 'cloned/kernel'
import type { Device } from './slot.js'

const iso = (at: number) => new Date(at).toISOString()

export function deviceJson(device: Device): JsonObject {
  const { id, name, state, scopes, thumbprint, code, createdAt, pairedAt, revokedAt } = device
  return {
    id,
    name,
    state,
    scopes,
    thumbprint,
    ...(state === 'pending' ? { code } : {}),
    created_at: iso(createdAt),
    ...(pairedAt === undefined ? {} : { paired_at: iso(pairedAt) }),
    ...(revokedAt === undefined ? {} : { revoked_at: iso(revokedAt) }),
  }
}
