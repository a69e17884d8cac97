// Votes on letting a device in: always asks a person, and denies what is not exactly the device that waits.
import { type Action, ask, deny, type GuardAnswer } from 'cloned/kernel'
import { sameText } from './codes.js'
import type { Devices } from './devices.js'
import type { PairingApprove } from './kinds.js'

/** For `hooks.guard(beforePairing, …)`. */
export async function voteOnPairing(devices: Pick<Devices, 'get'>, action: Action): Promise<GuardAnswer> {
  const { id, name, thumbprint, scopes, code } = action.input as unknown as PairingApprove
  const device = await devices.get(id)
  const same =
    device?.state === 'pending' &&
    device.name === name &&
    device.thumbprint === thumbprint &&
    device.scopes.join() === scopes.join() &&
    sameText(device.code, code)
  if (!same) return deny(`device ${id} does not wait as it was shown`, { help: 'cloned pairings list' })
  return ask(`device "${name}", whose screen must show ${code}, could then: ${scopes.join(', ')}`, 'pairing')
}
