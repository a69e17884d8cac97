// Defines the kind of action that changes a vault; its input says everything about a change but the value.
import { actionKind, type JsonObject } from 'cloned/kernel'
import type { SecretScope, VaultWritten } from './slot.js'

/** What a vault write does. Values and passphrases are named by `sealed`, the id they are kept under until it runs. */
export type VaultWrite = {
  readonly op: 'set' | 'rotate' | 'disable' | 'remove' | 'slot.add' | 'slot.remove' | 'accept' | 'adopt' | 'export'
  readonly provider: string
  /** The secret, or the key slot; empty for what concerns the whole vault. */
  readonly name: string
  readonly scope?: SecretScope
  readonly sealed?: string
  /** Type of a key slot. */
  readonly type?: string
  /** An age recipient. */
  readonly recipient?: string
  /** SHA-256 of the section that is adopted. */
  readonly digest?: string
}

/** What a write answers; `text` is the export. */
export type VaultWriteDone = VaultWritten & { readonly text?: string }

/** A change of a vault. Runs in the process that decides: the value waits sealed, not in somebody's terminal. */
export const vaultWrite = actionKind<VaultWrite, VaultWriteDone, 'vault.write'>({
  id: 'vault.write',
  contract: 1,
  record: 'vault',
  onApproval: 'execute',
})

const text = (maxLength: number): JsonObject => ({ type: 'string', maxLength })
const list: JsonObject = { type: 'array', maxItems: 50, items: text(260) }

export const vaultWriteInput: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['op', 'provider', 'name'],
  properties: {
    op: { enum: ['set', 'rotate', 'disable', 'remove', 'slot.add', 'slot.remove', 'accept', 'adopt', 'export'] },
    provider: text(32),
    name: text(64),
    scope: {
      type: 'object',
      additionalProperties: false,
      required: ['hosts', 'tools', 'slots'],
      properties: { hosts: list, tools: list, slots: list },
    },
    sealed: { type: 'string', pattern: '^[0-9a-f]{32}$' },
    type: text(32),
    recipient: text(4096),
    digest: { type: 'string', pattern: '^[0-9a-f]{64}$' },
  },
}
