// Wires webhooks into a distribution: the feed says what, the policy where, the gate whether; nothing is sent besides.
import {
  beforeAction,
  configSchema,
  definePlugin,
  gateSlot,
  onApprovalRequested,
  onReady,
  optional,
} from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { eventsSlot } from '../events/slot.js'
import { firewallSlot } from '../firewall/slot.js'
import { keysSlot } from '../keys/slot.js'
import { storeSlot } from '../store/slot.js'
import { vaultSlot } from '../vault/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { createChannel } from './channel.js'
import { webhookCommands } from './commands.js'
import { deliverExecutor } from './deliver.js'
import { judgeTarget } from './guard.js'
import { webhookAdd, webhookDeliver, webhookRemove } from './kinds.js'
import { QUEUE, Queue } from './queue.js'
import { webhooksPart } from './routes.js'
import { addExecutor, createWebhooks, removeExecutor } from './service.js'
import { webhooksSlot } from './slot.js'
import { MIGRATIONS } from './tables.js'
import { Worker } from './worker.js'

export * from './slot.js'

/** Configuration of `cloned.webhooks`. */
export interface WebhooksPluginConfig {
  /** How long a stopping process waits for what is due, milliseconds; default 1,000. */
  readonly patienceMs: number
}

const config = configSchema<WebhooksPluginConfig>({
  type: 'object',
  additionalProperties: false,
  properties: { patienceMs: { type: 'integer', minimum: 0, maximum: 20_000, default: 1_000 } },
})

/** Sends events to URLs by Standard Webhooks, and approval requests with them. */
export const webhooksPlugin = definePlugin({
  id: 'cloned.webhooks',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Sends events to URLs, signed, tried again until they are taken, through the firewall',
  requires: {
    store: storeSlot,
    events: eventsSlot,
    gate: gateSlot,
    firewall: firewallSlot,
    keys: keysSlot,
    workspace: workspaceSlot,
    vault: optional(vaultSlot),
  },
  provides: { webhooks: webhooksSlot },
  contributes: { commands: commandsCollection, routes: routesCollection },
  taps: [beforeAction, onApprovalRequested, onReady],
  executes: [webhookAdd, webhookRemove, webhookDeliver],
  config,
  setup({ deps, config, hooks, actions, onStart, onDrain, onStop, log, now }) {
    const { store, events, gate, firewall, keys, vault, workspace } = deps
    const queue = new Queue({ store, events, now, log })
    const worker = new Worker({ queue, gate, log })
    const parts = { store, queue, gate, events, keys, now }
    const webhooks = createWebhooks(parts)
    actions.execute(webhookAdd, addExecutor(parts))
    actions.execute(webhookRemove, removeExecutor(parts))
    actions.execute(
      webhookDeliver,
      deliverExecutor({ queue, firewall, keys, vault, workspace: () => workspace.config.id, now }),
    )
    hooks.guard(beforeAction, (action) => judgeTarget(firewall, action))
    hooks.notify(onApprovalRequested, createChannel(queue, events))
    hooks.observe(onReady, () => worker.start())
    onStart(async () => {
      await store.migrate('cloned.webhooks', MIGRATIONS)
      store.work(QUEUE, (key, life) => worker.handle(key, life))
    })
    onDrain(() => worker.stop(config.patienceMs))
    onStop(() => worker.end())
    return { webhooks, commands: webhookCommands(webhooks), routes: [webhooksPart(webhooks)] }
  },
})
