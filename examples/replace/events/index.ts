// An event feed in one table in the place of the built-in one; it declares and wires, and stores nothing before start.
import { auditSlot, configSchema, definePlugin, optional, scrubberSlot } from 'cloned/kernel'
import { type Command, commandsCollection } from 'cloned/plugins/cli'
import { eventsSlot, eventTypesCollection } from 'cloned/plugins/events'
import { storeSlot } from 'cloned/plugins/store'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { createFeed, type Feed, MIGRATIONS } from './feed.js'

const config = configSchema<{ readonly keep: number }>({
  type: 'object',
  additionalProperties: false,
  properties: { keep: { type: 'integer', minimum: 100, default: 10_000, description: 'So many events are kept.' } },
})

/** List it, and say so: `replace: { 'cloned.events': 'acme.events' }`. */
export default definePlugin({
  id: 'acme.events',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Keeps the event feed in one table, numbered as it is written.',
  requires: { store: storeSlot, audit: auditSlot, workspace: workspaceSlot, scrubber: optional(scrubberSlot) },
  provides: { events: eventsSlot },
  owns: { types: eventTypesCollection },
  contributes: { commands: commandsCollection },
  config,
  setup({ deps: { store, audit, workspace, scrubber }, collected, config: { keep }, onStart, now }) {
    const source = () => `urn:cloned:workspace:${workspace.config.id}`
    const feed = createFeed({ store, audit, scrubber, types: collected.types, source, keep, now })
    onStart(async () => {
      await store.migrate('acme.events', MIGRATIONS)
      await feed.begin()
    })
    return { events: feed, commands: [listCommand(feed)] }
  },
})

function listCommand(feed: Feed): Command {
  return {
    name: 'events list',
    summary: 'List the newest events',
    examples: ['cloned events list'],
    needs: 'workspace',
    async run({ printable }) {
      await feed.takeIn()
      const { last } = await feed.range()
      const { events } = await feed.read({ after: last - 100, limit: 100 })
      return {
        json: { events: events.map(({ text }) => JSON.parse(text)) },
        text: events.map(({ seq, type, subject = '' }) => printable(`${seq} ${type} ${subject}`)).join('\n'),
      }
    },
  }
}
