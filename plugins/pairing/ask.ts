// Words requests to the gate about devices, the same for the command line and the API; decides nothing.
import type { ActorInput, CallOptions, Gate, Outcome } from 'cloned/kernel'
import { type PairingChanged, type PairingInvite, pairingApprove, pairingInvite, pairingRevoke } from './kinds.js'
import type { Device } from './slot.js'

/** Who asks, and how. */
export interface By extends Pick<CallOptions, 'dryRun' | 'signal'> {
  readonly actor?: ActorInput | undefined
}

/** Requests of a person or a program to change who is paired. */
export interface Asking {
  invite(invite: PairingInvite, by: By): Promise<Outcome<PairingChanged>>
  approve(device: Device, by: By): Promise<Outcome<PairingChanged>>
  revoke(device: Device, by: By): Promise<Outcome<PairingChanged>>
}

/** Makes them actions of the gate. */
export function askingAt(gate: Pick<Gate, 'act'>): Asking {
  const request = <I>(target: string, input: I, title: string, { actor, ...options }: By) =>
    [{ target, input, about: { title }, ...(actor === undefined ? {} : { actor }) }, options] as const
  return {
    invite: (invite, by) =>
      gate.act(pairingInvite, ...request(invite.id, invite, `Invite a device: ${invite.scopes.join(', ')}`, by)),
    approve: ({ id, name, thumbprint, scopes, code }, by) =>
      gate.act(pairingApprove, ...request(id, { id, name, thumbprint, scopes, code }, `Pair the device "${name}"`, by)),
    revoke: ({ id, name }, by) => gate.act(pairingRevoke, ...request(id, { id }, `Revoke the device "${name}"`, by)),
  }
}
