// The doctor check of the connectors: each that is enabled can be verified, and none is quarantined.
import { isClonedError } from 'cloned/kernel'
import type { DoctorCheck } from '../doctor/slot.js'
import type { Registry } from './slot.js'

export function registryCheck(registry: Pick<Registry, 'list'>): DoctorCheck {
  return {
    id: 'registry.connectors',
    async run() {
      try {
        const all = await registry.list()
        const [bad] = all.filter(({ status }) => status === 'quarantined')
        if (bad) {
          const message = `${bad.id} is quarantined: ${bad.problem ?? ''}`
          return { level: 'fail', message, fix: `cloned connectors show ${bad.id}` }
        }
        const enabled = all.filter(({ status }) => status === 'enabled').length
        return { level: 'ok', message: `${all.length} connectors installed, ${enabled} enabled` }
      } catch (error) {
        if (!isClonedError(error)) throw error
        return { level: 'fail', message: error.message, fix: error.help }
      }
    },
  }
}
