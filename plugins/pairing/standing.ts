// Notices a store that has forgotten a revocation which the audit log has; until that is mended no device must be let in.
import type { AuditLog, Logger } from 'cloned/kernel'

/** Type of the record of a revocation, written once it counts. */
export const REVOKED = 'pairing.revoked'

export interface StandingParts {
  readonly audit: Pick<AuditLog, 'latest'>
  /** What the store says. */
  readonly isRevoked: (device: string) => Promise<boolean>
  readonly log: Pick<Logger, 'error'>
}

/**
 * Whether the store knows the newest revocation of the log, and with it all before. A process that found it so keeps that
 * store open, so it looks no more.
 */
export function createStanding({ audit, isRevoked, log }: StandingParts): () => Promise<boolean> {
  let isSound = false
  let told = false
  return async () => {
    if (isSound) return true
    const device = (await audit.latest(REVOKED))?.record['device']
    isSound = device === undefined || (typeof device === 'string' && (await isRevoked(device)))
    if (!isSound && !told) {
      told = true
      log.error('no device is let in: the store is older than the last revocation in the audit log', {
        device: String(device),
        help: 'Look at cloned pairings list, and revoke there what must stay out; that is the last revocation then.',
      })
    }
    return isSound
  }
}
