// Wires the egress proxy into a distribution; it listens nowhere until a door is opened.
import { auditSlot, configSchema, definePlugin, gateSlot } from 'cloned/kernel'
import { firewallSlot } from '../firewall/slot.js'
import { Doors } from './proxy.js'
import { egressConnect, egressProxySlot } from './slot.js'

export * from './slot.js'

interface Config {
  readonly connections: number
  readonly perMinute: number
  readonly idleMs: number
  readonly totalMs: number
}

const config = configSchema<Config>({
  type: 'object',
  properties: {
    connections: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 256,
      description: 'Tunnels and requests of one connector at once.',
    },
    perMinute: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      default: 1_200,
      description: 'Tunnels and requests of one connector in a minute, refused ones included.',
    },
    idleMs: { type: 'integer', minimum: 1, default: 300_000, description: 'Without a byte, until a tunnel is closed.' },
    totalMs: { type: 'integer', minimum: 1, default: 3_600_000, description: 'Until a tunnel is closed in any case.' },
  },
  additionalProperties: false,
})

/** Lets processes that are not ours reach what the egress rules allow, and nothing else. */
export const egressProxyPlugin = definePlugin({
  id: 'cloned.egress-proxy',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Proxies the connections of connectors, each judged by the firewall and recorded.',
  requires: { firewall: firewallSlot, gate: gateSlot, audit: auditSlot },
  provides: { proxy: egressProxySlot },
  executes: [egressConnect],
  config,
  setup({ deps, actions, config: limits, onStart, onDrain, onStop, log, now }) {
    const doors = new Doors({ ...deps, limits, log, now })
    actions.execute(egressConnect, doors.governed.executor)
    onStart(() => doors.start())
    // Before the kernel waits for running actions: those of a door that stays open would never end.
    onDrain(() => doors.close())
    onStop(() => doors.close())
    return { proxy: doors }
  },
})
