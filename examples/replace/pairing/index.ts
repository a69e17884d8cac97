// Devices that sign every request, in the place of the built-in pairing; it declares and wires, and lets nobody in itself.
import { type Action, ask, auditSlot, definePlugin, deny, fail, gateSlot } from 'cloned/kernel'
import { authenticatorsCollection } from 'cloned/plugins/api'
import { commandsCollection } from 'cloned/plugins/cli'
import { keysSlot } from 'cloned/plugins/keys'
import {
  approveInput,
  beforePairing,
  type PairingApprove,
  pairingApprove,
  pairingRevoke,
  pairingsSlot,
  revokeInput,
} from 'cloned/plugins/pairing'
import { storeSlot } from 'cloned/plugins/store'
import { pairingCommands } from './commands.js'
import { createDevices, isSame, MIGRATIONS } from './devices.js'
import { signedRequests } from './signed-requests.js'

const GONE = { code: 'PAIRING_UNKNOWN', help: 'See who is there: cloned pairings list' } as const

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
  setup({ deps: { store, keys, audit, gate }, hooks, actions, onStart, now }) {
    const devices = createDevices({ store, keys, audit, now })
    onStart(() => store.migrate('acme.pairing', MIGRATIONS))
    // Whatever the policy allows: a person is asked, and about exactly this device.
    hooks.guard(beforePairing, async ({ input }: Action) => {
      const shown = input as unknown as PairingApprove
      const device = await devices.get(shown.id)
      if (device?.state !== 'pending' || !isSame(device, shown))
        return deny(`device ${shown.id} does not wait as it was shown`, { help: 'cloned pairings list' })
      return ask(`device "${device.name}" (${device.code}) could then: ${device.scopes.join(', ')}`, 'pairing')
    })
    actions.execute(pairingApprove, {
      input: approveInput,
      async execute(shown, ctx) {
        if (!(await devices.approve(shown))) throw fail(`device ${shown.id} does not wait any more`, GONE)
        const { id, name, thumbprint, scopes } = shown
        await ctx.record('pairing.paired', { device: id, name, thumbprint, scopes })
        return { id, state: 'paired' }
      },
    })
    actions.execute(pairingRevoke, {
      input: revokeInput,
      async execute({ id }) {
        if (!(await devices.revoke(id))) throw fail(`there is no device ${id}`, GONE)
        return { id, state: 'revoked' }
      },
    })
    return {
      pairings: { list: devices.list, get: devices.get },
      commands: pairingCommands(devices, gate),
      authenticators: [signedRequests({ devices, store, gate, now })],
    }
  },
})
