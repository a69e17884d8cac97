// Wires the feed into a distribution; it hears of everything through the audit log and the store, and changes neither.
import { auditSlot, configSchema, definePlugin, optional, scrubberSlot } from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { pairingsSlot } from '../pairing/slot.js'
import { storeSlot } from '../store/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { envelope } from './envelope.js'
import { createFeed } from './feed.js'
import { Intake } from './intake.js'
import { Readers } from './readers.js'
import { eventsPart } from './routes.js'
import { createSaid } from './said.js'
import { type Events, eventsSlot, eventTypesCollection } from './slot.js'
import { MIGRATIONS } from './tables.js'
import { tailCommand } from './tail-command.js'

export * from './slot.js'

/** Configuration of `cloned.events`. */
export interface EventsPluginConfig {
  /** The newest so many events are kept. */
  readonly keep: number
  /** And none that is older, days. */
  readonly keep_days: number
  /** Between two signs of life of a stream, seconds. */
  readonly heartbeat_s: number
}

const config = configSchema<EventsPluginConfig>({
  type: 'object',
  additionalProperties: false,
  properties: {
    keep: { type: 'integer', minimum: 100, maximum: 10_000_000, default: 100_000 },
    keep_days: { type: 'integer', minimum: 1, maximum: 3_650, default: 7 },
    heartbeat_s: { type: 'integer', minimum: 1, maximum: 300, default: 15 },
  },
})

const DAY_MS = 24 * 60 * 60 * 1000
const STREAM_MS = 10 * 60 * 1000
const MAX_WAITING = 256 * 1024

/** One ordered feed of what happens in a workspace, in whichever process. */
export const eventsPlugin = definePlugin({
  id: 'cloned.events',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'One ordered event feed with durable cursors, over SSE and on the command line',
  requires: {
    store: storeSlot,
    audit: auditSlot,
    workspace: workspaceSlot,
    scrubber: optional(scrubberSlot),
    pairings: optional(pairingsSlot),
  },
  provides: { events: eventsSlot },
  owns: { types: eventTypesCollection },
  contributes: { commands: commandsCollection, routes: routesCollection },
  config,
  setup({
    deps: { store, audit, workspace, scrubber, pairings },
    collected,
    config,
    onStart,
    onDrain,
    onStop,
    log,
    now,
  }) {
    const source = () => `urn:cloned:workspace:${workspace.config.id}`
    const intake = new Intake({
      store,
      audit,
      now,
      source,
      hint: () => workspace.path('audit.log'),
      keep: { events: config.keep, ms: config.keep_days * DAY_MS },
    })
    const events: Events = {
      ...createFeed(store, intake),
      statement: createSaid({ types: collected.types, scrubber, now }),
    }
    const readers = new Readers(events, {
      heartbeatMs: config.heartbeat_s * 1_000,
      lifeMs: STREAM_MS,
      maxWaiting: MAX_WAITING,
      log,
    })
    onStart(() => store.migrate('cloned.events', MIGRATIONS))
    onDrain(() => readers.close())
    onStop(() => readers.close())
    const gap = (after: number, first: number) =>
      envelope(
        { type: 'feed.gap', at: now(), data: { after: String(after), first: String(first) } },
        `gap-${first}`,
        source(),
      )
    const paired = async (device: string) => (await pairings?.get(device))?.state === 'paired'
    return { events, commands: [tailCommand(events)], routes: [eventsPart({ events, readers, paired, gap })] }
  },
})
