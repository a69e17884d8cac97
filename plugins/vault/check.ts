// Tells the doctor whether the secrets can be used; it opens the vault and must never touch a secret.
import { describeThrown, isClonedError } from 'cloned/kernel'
import type { DoctorCheck } from '../doctor/slot.js'
import type { Vault } from './slot.js'

export function vaultCheck(vault: Pick<Vault, 'health'>): DoctorCheck {
  return {
    id: 'vault.health',
    async run() {
      try {
        const { ok, detail, help } = await vault.health()
        return { level: ok ? 'ok' : 'fail', message: detail, ...(help === undefined ? {} : { fix: help }) }
      } catch (error) {
        const fix = isClonedError(error) ? { fix: error.help } : {}
        return { level: 'fail', message: describeThrown(error), ...fix }
      }
    },
  }
}
