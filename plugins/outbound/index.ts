// Provides requests of plugins through the firewall; whoever has a stricter way replaces this plugin.
import { definePlugin } from 'cloned/kernel'
import { firewallSlot } from '../firewall/slot.js'
import { createOutbound } from './send.js'
import { outboundSlot } from './slot.js'

export { createOutbound } from './send.js'
export * from './slot.js'

export const outboundPlugin = definePlugin({
  id: 'cloned.outbound',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Sends the requests of plugins themselves, to vaults and webhooks.',
  requires: { firewall: firewallSlot },
  provides: { outbound: outboundSlot },
  setup: ({ deps: { firewall } }) => ({ outbound: createOutbound(firewall) }),
})
