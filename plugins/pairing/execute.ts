// Carries out what was allowed about devices; what is not exactly as it was shown to a person is refused without effect.
import { type Executor, fail, isClonedError } from 'cloned/kernel'
import type { Devices } from './devices.js'
import type { Invitations } from './invitations.js'
import {
  approveInput,
  inviteInput,
  type PairingApprove,
  type PairingChanged,
  type PairingInvite,
  type PairingRevoke,
  revokeInput,
} from './kinds.js'
import { REVOKED } from './standing.js'

/** What carries out that devices are let in and taken out. */
export interface DeviceExecutors {
  readonly approve: Executor<PairingApprove, PairingChanged>
  readonly revoke: Executor<PairingRevoke, PairingChanged>
}

export function inviteExecutor(invitations: Pick<Invitations, 'add'>): Executor<PairingInvite, PairingChanged> {
  return {
    input: inviteInput,
    async execute(invite) {
      try {
        await invitations.add(invite)
      } catch (error) {
        if (!isClonedError(error) || error.code !== 'PAIRING_LIMIT') throw error
        throw fail(error.message, error)
      }
      return { id: invite.id, state: 'invited' }
    },
  }
}

/** For the kinds `pairingApprove` and `pairingRevoke`. What the devices refuse fails without effect. */
export function deviceExecutors(devices: Pick<Devices, 'approve' | 'revoke'>): DeviceExecutors {
  return {
    approve: {
      input: approveInput,
      async execute(device, ctx) {
        const { id, name, thumbprint, scopes } = device
        if (!(await devices.approve(device))) throw fail(`device ${id} does not wait any more`, GONE)
        await ctx.record('pairing.paired', { device: id, name, thumbprint, scopes })
        return { id, state: 'paired' }
      },
    },
    revoke: {
      input: revokeInput,
      async execute({ id }, ctx) {
        if (!(await devices.revoke(id))) throw fail(`there is no device ${id}`, GONE)
        await ctx.record(REVOKED, { device: id })
        return { id, state: 'revoked' }
      },
    },
  }
}

const GONE = { code: 'PAIRING_UNKNOWN', help: 'See who is there: cloned pairings list' } as const
