// Offers everything over HTTP as a plugin like any other: collects routes and authenticators; decides no action itself.
import { afterAction, approvalsSlot, configSchema, definePlugin, gateSlot, optional, scrubberSlot } from 'cloned/kernel'
import { commandsCollection } from '../cli/slot.js'
import { hookDoorSlot } from '../mcp-clients/slot.js'
import { policySlot } from '../policy/slot.js'
import { storeSlot } from '../store/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { createApi } from './api.js'
import { Metrics } from './metrics.js'
import { MIGRATIONS } from './migrations.js'
import { ownParts } from './routes/index.js'
import { serveCommand } from './serve-command.js'
import { apiSlot, authenticatorsCollection, endpointsCollection, routesCollection } from './slot.js'

/** Configuration of `cloned.api`. */
export interface ApiPluginConfig {
  /** Requests a minute that one client may make; default 6,000. */
  readonly per_minute: number
  /** Seconds after which a client is cut off that takes nothing of its answer; default 30. */
  readonly stalled_s: number
}

const config = configSchema<ApiPluginConfig>({
  type: 'object',
  additionalProperties: false,
  properties: {
    per_minute: { type: 'integer', minimum: 1, maximum: 10_000_000, default: 6_000 },
    stalled_s: { type: 'integer', minimum: 1, maximum: 3_600, default: 30 },
  },
})

/** The HTTP API under `/v1`. Nothing listens until `cloned serve` or a host asks for it. */
export const apiPlugin = definePlugin({
  id: 'cloned.api',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'The HTTP API: every capability of the command line under /v1, for programs',
  requires: {
    gate: gateSlot,
    workspace: workspaceSlot,
    store: optional(storeSlot),
    policy: optional(policySlot),
    approvals: optional(approvalsSlot),
    scrubber: optional(scrubberSlot),
    hooks: optional(hookDoorSlot),
  },
  provides: { api: apiSlot },
  owns: { parts: routesCollection, endpoints: endpointsCollection, authenticators: authenticatorsCollection },
  contributes: { commands: commandsCollection, routes: routesCollection },
  taps: [afterAction],
  config,
  setup({ deps, collected, config, hooks, onStart, onStop, now, log }) {
    const { gate, workspace, store, policy, scrubber, approvals } = deps
    const metrics = new Metrics()
    const actions = metrics.counter('cloned_actions_total', 'Governed actions that have ended.', ['kind', 'status'])
    hooks.observe(afterAction, ({ action, outcome }) => actions([action.kind, outcome.status]))
    const api = createApi({
      gate,
      workspace,
      authenticators: collected.authenticators,
      origins: () => (policy?.snapshot() as { ui?: { origins: readonly string[] } } | undefined)?.ui?.origins ?? [],
      now,
      async answering(door) {
        // Fastify and what belongs to it load with the first server only.
        const { createServer } = await import('./server.js')
        return createServer({
          door,
          parts: collected.parts(),
          endpoints: collected.endpoints(),
          version: gate.plan().distribution.version,
          store,
          scrubber,
          log,
          now,
          perMinute: config.per_minute,
          stalledMs: config.stalled_s * 1_000,
          metrics,
        })
      },
    })
    onStart(async () => {
      await store?.migrate('cloned.api', MIGRATIONS)
    })
    onStop(() => api.close())
    return {
      api,
      commands: [serveCommand(api, deps.hooks)],
      routes: ownParts({ gate, workspace, approvals, document: () => api.document(), metrics }),
    }
  },
})
