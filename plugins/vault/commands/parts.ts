// What the vault's commands share: their parts, and how a secret is shown; never with a value in it.
import type { Json } from 'cloned/kernel'
import type { CommandContext } from '../../cli/slot.js'
import type { OpenedProvider } from '../resolve.js'
import type { SecretInfo, Vault, VaultProvider } from '../slot.js'
import type { Writes } from '../writes.js'

export interface VaultCommandParts {
  readonly vault: Vault
  readonly writes: Writes
  readonly opened: () => Promise<OpenedProvider>
  readonly providers: () => readonly VaultProvider[]
  readonly chosen: () => string
  /** The vault section of the workspace's configuration, and whether it was adopted. */
  readonly section: () => Json | undefined
  readonly adopted: () => Promise<boolean>
}

/** For `--actor` and `--dry-run`. */
export function writeOptions({ actor, dryRun }: CommandContext) {
  return { actor, dryRun }
}

export function infoJson({ name, scope, version, state, createdAt, rotatedAt, expiresAt }: SecretInfo): Json {
  return {
    name,
    version,
    state,
    hosts: scope.hosts,
    tools: scope.tools,
    slots: scope.slots,
    ...(createdAt === undefined ? {} : { created_at: iso(createdAt) }),
    ...(rotatedAt === undefined ? {} : { rotated_at: iso(rotatedAt) }),
    ...(expiresAt === undefined ? {} : { expires_at: iso(expiresAt) }),
  }
}

export function iso(at: number): string {
  return new Date(at).toISOString()
}
