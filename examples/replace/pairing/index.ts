// Devices that sign every request, in the place of the built-in pairing; it declares and wires, and lets nobody in itself.
import { auditSlot, definePlugin, gateSlot } from 'cloned/kernel'
import { authenticatorsCollection } from 'cloned/plugins/api'
import { commandsCollection } from 'cloned/plugins/cli'
import { keysSlot } from 'cloned/plugins/keys'
import {
  askingAt,
  beforePairing,
  createDevices,
  deviceCommands,
  deviceExecutors,
  pairingApprove,
  pairingRevoke,
  pairingsSlot,
  voteOnPairing,
} from 'cloned/plugins/pairing'
import { storeSlot } from 'cloned/plugins/store'
import { addCommand } from './add-command.js'
import { MIGRATIONS, signedRequests } from './signed-requests.js'

/** List it, and say so: `replace: { 'cloned.pairings': 'acme.pairing' }`. */
export default definePlugin({
  id: 'acme.pairing',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Devices whose key an operator enters, and which sign every request.',
  requires: { store: storeSlot, keys: keysSlot, audit: auditSlot, gate: gateSlot },
  provides: { pairings: pairingsSlot },
  contributes: { commands: commandsCollection, authenticators: authenticatorsCollection },
  taps: [beforePairing],
  executes: [pairingApprove, pairingRevoke],
  setup({ deps: { store, keys, audit, gate }, hooks, actions, onStart, now, log }) {
    const devices = createDevices({ store, keys, audit, log, now })
    onStart(() => devices.migrate())
    onStart(() => store.migrate('acme.pairing', MIGRATIONS))
    // Whatever the policy allows: a person is asked, and about exactly this device.
    hooks.guard(beforePairing, (action) => voteOnPairing(devices, action))
    const { approve, revoke } = deviceExecutors(devices)
    actions.execute(pairingApprove, approve)
    actions.execute(pairingRevoke, revoke)
    const none = 'No device is there. Enter the key of one: cloned pairings add'
    return {
      pairings: { list: devices.list, get: devices.get },
      commands: [addCommand({ devices, audit, now }), ...deviceCommands({ devices, asking: askingAt(gate), none })],
      authenticators: [signedRequests({ devices, store, gate, now })],
    }
  },
})
