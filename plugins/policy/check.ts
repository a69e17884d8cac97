// The doctor check of the policy: what is in force can be read, and the overlay file is what was approved.
import { isClonedError } from 'cloned/kernel'
import type { DoctorCheck } from '../doctor/slot.js'
import type { LivePolicy } from './live.js'

export function policyCheck({ policy, name }: { policy: () => LivePolicy; name: () => string }): DoctorCheck {
  return {
    id: 'policy.files',
    async run() {
      try {
        const live = policy()
        live.snapshot()
        await live.reading()
        const { pack, drift, overlay } = live.snapshot()
        const unproven = live.unproven()
        if (unproven) return { level: 'fail', message: unproven.message, fix: 'cloned policy adopt' }
        if (!drift)
          return { level: 'ok', message: `${pack} policy${overlay === null ? '' : ' with an overlay'} in force` }
        if (!live.file()) {
          return {
            level: 'warn',
            message: `${name()} is gone; the last approved policy is in force`,
            fix: 'Bring it back, or write another one, then: cloned policy adopt',
          }
        }
        return {
          level: 'warn',
          message: `${name()} is not what was approved; the last approved policy is in force`,
          fix: 'cloned policy adopt',
        }
      } catch (error) {
        if (!isClonedError(error)) throw error
        return { level: 'fail', message: `every call is denied: ${error.message}`, fix: error.help }
      }
    },
  }
}
