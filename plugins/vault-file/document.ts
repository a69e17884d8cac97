// Reads and words the vault file; must never hand on one that breaks a rule of its format or is of another workspace.
import { ClonedError, compileSchema, type JsonObject, readSchema } from 'cloned/kernel'

/** Base64 of bytes. */
type Base64 = string

export type StoredSlot = {
  readonly id: string
  readonly type: 'keyfile' | 'scrypt' | 'argon2id' | 'keychain' | 'age'
  readonly params: JsonObject
  readonly iv?: Base64
  readonly wrapped_dek: Base64
  readonly tag?: Base64
}

export type StoredMeta = {
  readonly allowed_hosts: readonly string[]
  readonly allowed_tools: readonly string[]
  readonly allowed_slots: readonly string[]
  readonly created_at: number
  readonly rotated_at: number
  readonly expires_at?: number
}

export type StoredVersion = {
  readonly salt: Base64
  readonly iv: Base64
  readonly ct: Base64
  readonly tag: Base64
  readonly created_at: number
  readonly state: 'current' | 'previous' | 'disabled'
}

export type StoredSecret = {
  readonly meta: StoredMeta
  readonly current: number
  readonly versions: { readonly [version: string]: StoredVersion }
}

/** The file without its tag (schemas/vault.schema.json). */
export type VaultBody = {
  readonly schema: 'cloned.vault/v1'
  readonly vault_id: string
  readonly workspace: string
  readonly generation: number
  readonly slots: readonly StoredSlot[]
  readonly secrets: { readonly [name: string]: StoredSecret }
}

export type VaultFile = VaultBody & { readonly mac: string }

export const MAX_BYTES = 16 * 1024 * 1024

/** Throws `VAULT_DAMAGED`. */
export function parseVault(path: string, bytes: Buffer, workspace: string): VaultFile {
  const damaged = (problem: string) => new ClonedError('VAULT_DAMAGED', { path, problem })
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // What the parser says would quote a part of the file.
    throw damaged('it is not JSON')
  }
  const [problem] = compileSchema(readSchema('vault'))(value)
  if (problem) throw damaged(`${problem.path} ${problem.message}`)
  const file = value as VaultFile
  if (file.workspace !== workspace) throw damaged('it belongs to another workspace')
  if (new Set(file.slots.map(({ id }) => id)).size !== file.slots.length) throw damaged('two key slots have one id')
  for (const [name, { current, versions }] of Object.entries(file.secrets)) {
    if (!Object.hasOwn(versions, String(current))) throw damaged(`the current version of ${name} is not in it`)
  }
  return file
}

export function formatVault(file: VaultFile): string {
  return `${JSON.stringify(file, null, 2)}\n`
}

/** The secret of a name; names such as `constructor` are names like any other. */
export function secretOf({ secrets }: VaultBody, name: string): StoredSecret | undefined {
  return Object.hasOwn(secrets, name) ? secrets[name] : undefined
}
