// Gives a log its keys from the keys of a workspace; must never make one where one was used before.
import type { KeyObject } from 'node:crypto'
import { ClonedError, kidOf } from 'cloned/kernel'
import type { Keys } from '../keys/slot.js'
import type { AuditLogOptions } from './log.js'

export const AUDIT_PURPOSE = 'audit'

/** The keys for {@link AuditLogOptions}; `workspace` is part of the name under which the log is signed. */
export function auditKeys(keys: Keys, workspace: string): NonNullable<AuditLogOptions['keys']> {
  return {
    workspace,
    load: async () => ({ signer: await keys.signer(AUDIT_PURPOSE), mac: await keys.mac(AUDIT_PURPOSE) }),
    signingKey: (key) => keys.signingKey(AUDIT_PURPOSE, kidOf(key)),
    trusts: (key) => isOwnKey(keys, key),
  }
}

/** Whether the key store knows this key; `undefined` where the keys of the workspace are not. */
async function isOwnKey(keys: Keys, key: KeyObject): Promise<boolean | undefined> {
  try {
    return (await keys.publicKey(AUDIT_PURPOSE, kidOf(key)))?.equals(key) ?? false
  } catch (error) {
    if (error instanceof ClonedError && error.code === 'KEY_MISSING') return undefined
    throw error
  }
}
