// Encrypts and decrypts with keys derived from one data key; every ciphertext is bound to what it is and where it may go.
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { canonical, type Json } from 'cloned/kernel'
import type { StoredMeta, StoredVersion, VaultBody } from './document.js'

/** Bytes under AES-256-GCM, in base64. */
export interface Sealed {
  readonly iv: string
  readonly ct: string
  readonly tag: string
}

export function seal(key: Buffer, aad: Json, plain: Buffer): Sealed {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(canonical(aad)))
  const ct = Buffer.concat([cipher.update(plain), cipher.final()])
  return { iv: iv.toString('base64'), ct: ct.toString('base64'), tag: cipher.getAuthTag().toString('base64') }
}

/** Throws when the key, the bound data or a byte is another. */
export function unseal(key: Buffer, aad: Json, { iv, ct, tag }: Sealed): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64'), { authTagLength: 16 })
  decipher.setAAD(Buffer.from(canonical(aad))).setAuthTag(Buffer.from(tag, 'base64'))
  return Buffer.concat([decipher.update(Buffer.from(ct, 'base64')), decipher.final()])
}

/** What a version belongs to. */
export interface VersionOf {
  readonly vaultId: string
  readonly name: string
  readonly version: number
  readonly meta: StoredMeta
}

export function sealVersion(
  dek: Buffer,
  of: VersionOf,
  value: Buffer,
): Pick<StoredVersion, 'salt' | 'iv' | 'ct' | 'tag'> {
  const salt = randomBytes(32)
  const key = versionKey(dek, of, salt)
  try {
    return { salt: salt.toString('base64'), ...seal(key, versionAad(of), value) }
  } finally {
    key.fill(0)
  }
}

/** Throws like {@link unseal}. */
export function unsealVersion(dek: Buffer, of: VersionOf, stored: StoredVersion): Buffer {
  const key = versionKey(dek, of, Buffer.from(stored.salt, 'base64'))
  try {
    return unseal(key, versionAad(of), stored)
  } finally {
    key.fill(0)
  }
}

/** The tag over the whole file, 64 hex digits. */
export function macOf(dek: Buffer, { schema, vault_id, workspace, generation, slots, secrets }: VaultBody): string {
  const key = derive(dek, Buffer.alloc(0), `cloned.vault/v1|${vault_id}|mac`)
  const body = canonical({ schema, vault_id, workspace, generation, slots, secrets })
  return createHmac('sha256', key).update(body).digest('hex')
}

export function macMatches(dek: Buffer, file: VaultBody & { readonly mac: string }): boolean {
  return timingSafeEqual(Buffer.from(macOf(dek, file), 'hex'), Buffer.from(file.mac, 'hex'))
}

/** The key of one version; the caller wipes it. */
export function versionKey(dek: Buffer, { vaultId, name, version }: VersionOf, salt: Buffer): Buffer {
  return derive(dek, salt, `cloned.vault/v1|${vaultId}|secret|${name}|${version}`)
}

function versionAad({ vaultId, name, version, meta }: VersionOf): Json {
  return { vault_id: vaultId, name, version, meta }
}

function derive(key: Buffer, salt: Buffer, info: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, 32))
}
