// The doctor check of the trust store: it can be relied on, and for how long.
import { isClonedError } from 'cloned/kernel'
import type { DoctorCheck } from '../doctor/slot.js'
import { staleness } from './revoked.js'
import type { TrustState } from './state.js'

const SOON_MS = 30 * 24 * 3_600_000

export function trustCheck(
  state: () => Promise<TrustState>,
  drift: (state: TrustState) => string | undefined,
  now: () => number,
): DoctorCheck {
  return {
    id: 'trust.store',
    async run() {
      try {
        const current = await state()
        const { root, revocations, publishers } = current
        if (!root) return { level: 'ok', message: 'no root of trust, so no connector can be installed' }
        const drifted = drift(current)
        if (drifted !== undefined) {
          return { level: 'fail', message: `${drifted} is not what was approved`, fix: 'cloned trust root --restore' }
        }
        const stale = staleness(current, undefined, now())
        const fix = 'cloned trust root --renew'
        if (stale !== undefined) return { level: 'fail', message: `the revocations cannot be relied on: ${stale}`, fix }
        if (revocations && Date.parse(revocations.expires) - now() < SOON_MS) {
          return { level: 'warn', message: `the revocations count only until ${revocations.expires}`, fix }
        }
        const mode = `${publishers.size} publishers, ${root.mode} mode`
        return root.mode === 'strict'
          ? { level: 'ok', message: mode }
          : { level: 'warn', message: mode, fix: 'cloned trust root --mode strict' }
      } catch (error) {
        if (!isClonedError(error)) throw error
        return { level: 'fail', message: error.message, fix: error.help }
      }
    },
  }
}
