// Makes the new content of a vault for each change of a secret; what a version is bound to changes with its scope.
import { ClonedError } from 'cloned/kernel'
import type { SecretInfo, SecretScope } from '../vault/slot.js'
import { sealVersion, unsealVersion } from './crypto.js'
import { type StoredMeta, type StoredSecret, type StoredVersion, secretOf, type VaultBody } from './document.js'
import type { Change } from './vault-store.js'

export function putSecret(
  body: VaultBody,
  dek: Buffer,
  { name, value, scope, now }: { name: string; value: Buffer; scope: SecretScope | undefined; now: number },
): Change {
  const old = secretOf(body, name)
  const meta = metaOf(old, scope, now, name)
  const version = (old?.current ?? 0) + 1
  const fresh: StoredVersion = {
    ...sealVersion(dek, { vaultId: body.vault_id, name, version, meta }, value),
    created_at: now,
    state: 'current',
  }
  const versions = { ...(old ? previous(body.vault_id, dek, name, old, meta) : {}), [version]: fresh }
  return { body: withSecret(body, name, { meta, current: version, versions }), name, version }
}

export function disableSecret(body: VaultBody, name: string): Change {
  const old = present(body, name)
  const versions = Object.fromEntries(
    Object.entries(old.versions).map(([version, stored]) => [version, { ...stored, state: 'disabled' as const }]),
  )
  return { body: withSecret(body, name, { ...old, versions }), name, version: old.current }
}

export function removeSecret(body: VaultBody, name: string): Change {
  present(body, name)
  const { [name]: _, ...secrets } = body.secrets
  return { body: { ...body, secrets }, name }
}

/** The value of the current version, `undefined` when there is none or it is disabled. Throws `VAULT_DAMAGED`. */
export function openSecret(body: VaultBody, dek: Buffer, name: string, path: string): Buffer | undefined {
  const secret = secretOf(body, name)
  const stored = secret?.versions[String(secret.current)]
  if (!secret || stored?.state !== 'current') return undefined
  try {
    return unsealVersion(dek, { vaultId: body.vault_id, name, version: secret.current, meta: secret.meta }, stored)
  } catch (cause) {
    throw new ClonedError('VAULT_DAMAGED', { path, problem: `${name} cannot be decrypted` }, { cause })
  }
}

export function infoOf(name: string, { meta, current, versions }: StoredSecret): SecretInfo {
  return {
    name,
    scope: { hosts: meta.allowed_hosts, tools: meta.allowed_tools, slots: meta.allowed_slots },
    version: String(current),
    state: versions[String(current)]?.state === 'current' ? 'current' : 'disabled',
    createdAt: meta.created_at,
    rotatedAt: meta.rotated_at,
    ...(meta.expires_at === undefined ? {} : { expiresAt: meta.expires_at }),
  }
}

function metaOf(old: StoredSecret | undefined, scope: SecretScope | undefined, now: number, name: string): StoredMeta {
  if (scope) {
    return {
      allowed_hosts: scope.hosts,
      allowed_tools: scope.tools,
      allowed_slots: scope.slots,
      created_at: old?.meta.created_at ?? now,
      rotated_at: now,
    }
  }
  if (!old) throw new ClonedError('VAULT_UNKNOWN', { name })
  return { ...old.meta, rotated_at: now }
}

/** The version that was current, bound to the new metadata: kept for a person who has to go back, and never resolved. */
function previous(vaultId: string, dek: Buffer, name: string, old: StoredSecret, meta: StoredMeta) {
  const stored = old.versions[String(old.current)]
  if (!stored) return {}
  const value = unsealVersion(dek, { vaultId, name, version: old.current, meta: old.meta }, stored)
  try {
    const state = stored.state === 'disabled' ? ('disabled' as const) : ('previous' as const)
    const sealed = sealVersion(dek, { vaultId, name, version: old.current, meta }, value)
    return { [old.current]: { ...sealed, created_at: stored.created_at, state } }
  } finally {
    value.fill(0)
  }
}

function present(body: VaultBody, name: string): StoredSecret {
  const secret = secretOf(body, name)
  if (!secret) throw new ClonedError('VAULT_UNKNOWN', { name })
  return secret
}

function withSecret(body: VaultBody, name: string, secret: StoredSecret): VaultBody {
  return { ...body, secrets: { ...body.secrets, [name]: secret } }
}
