// Pairs devices as a plugin like any other: invitations, devices and tokens; whether a device comes in is a person's to decide.
import { auditSlot, definePlugin, gateSlot } from 'cloned/kernel'
import { authenticatorsCollection, routesCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { keysSlot } from '../keys/slot.js'
import { storeSlot } from '../store/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { askingAt } from './ask.js'
import { deviceAuthenticators } from './authenticators.js'
import { pairingCommands } from './commands.js'
import { createDevices } from './devices.js'
import { createEnrolment } from './enrol.js'
import { deviceExecutors, inviteExecutor } from './execute.js'
import { voteOnPairing } from './guard.js'
import { createInvitations } from './invitations.js'
import { beforePairing, pairingApprove, pairingInvite, pairingRevoke } from './kinds.js'
import { createReplays } from './replays.js'
import { pairingsPart } from './routes.js'
import { pairingsSlot } from './slot.js'
import { createTokens } from './tokens.js'

// Parts for an owner of the slot whose devices prove themselves in another way.
export { type Asking, askingAt, type By } from './ask.js'
export { type DeviceCommandParts, deviceCommands } from './commands.js'
export { createDevices, type DeviceParts, type Devices, newDevice } from './devices.js'
export { type DeviceExecutors, deviceExecutors } from './execute.js'
export { voteOnPairing } from './guard.js'
export { type DeviceKey, deviceKey } from './key.js'
export {
  approveInput,
  beforePairing,
  type PairingApprove,
  type PairingChanged,
  type PairingInvite,
  type PairingRevoke,
  pairingApprove,
  pairingInvite,
  pairingRevoke,
} from './kinds.js'
export * from './slot.js'

/** Devices with an Ed25519 key of their own, short-lived access tokens bound to it by DPoP, revocable at once. */
export const pairingPlugin = definePlugin({
  id: 'cloned.pairing',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Paired devices: keys of their own, short-lived tokens bound to them, scopes',
  requires: { workspace: workspaceSlot, store: storeSlot, keys: keysSlot, audit: auditSlot, gate: gateSlot },
  provides: { pairings: pairingsSlot },
  contributes: {
    commands: commandsCollection,
    routes: routesCollection,
    authenticators: authenticatorsCollection,
  },
  taps: [beforePairing],
  executes: [pairingInvite, pairingApprove, pairingRevoke],
  setup({ deps: { workspace, store, keys, audit, gate }, hooks, actions, onStart, now, log }) {
    const invitations = createInvitations({ store, keys, audit, now })
    const devices = createDevices({ store, keys, audit, log, now })
    const tokens = createTokens({ keys, workspace: () => workspace.config.id, now })
    const replays = createReplays({ store, now })
    const asking = askingAt(gate)
    const { scopesOf } = invitations
    const enrolment = createEnrolment({ devices, tokens, scopesOf, audit, now })

    onStart(() => devices.migrate())
    hooks.guard(beforePairing, (action) => voteOnPairing(devices, action))
    const { approve, revoke } = deviceExecutors(devices)
    actions.execute(pairingInvite, inviteExecutor(invitations))
    actions.execute(pairingApprove, approve)
    actions.execute(pairingRevoke, revoke)
    return {
      pairings: { list: () => devices.list(), get: (id) => devices.get(id) },
      commands: pairingCommands({ devices, invitations, asking }),
      routes: [pairingsPart({ devices, enrolment, asking })],
      authenticators: deviceAuthenticators({ gate, invitations, devices, tokens, replays, now }),
    }
  },
})
