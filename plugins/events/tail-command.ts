// The command that shows events and waits for more; it must never print the bytes of an event raw.
import type { Json } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import { placeIn, typesIn } from './query.js'
import type { Events, FeedEvent } from './slot.js'

const DEFAULT = 20
const MAX = 1_000

export function tailCommand(events: Events): Command {
  return {
    name: 'events tail',
    summary: 'Show the last events of the feed',
    options: [
      { flags: '--limit <n>', description: `How many events (default ${DEFAULT}, at most ${MAX})` },
      { flags: '--type <types>', description: 'Only types that begin so: approval.,run.done' },
      { flags: '--after <id>', description: 'Only events after this one, the oldest first' },
      { flags: '--follow', description: 'Keep showing new events until interrupted; with --json one a line' },
    ],
    examples: [
      'cloned events tail',
      'cloned events tail --type approval. --follow',
      'cloned events tail --json --after 1795343400001',
    ],
    needs: 'workspace',
    async run(ctx): Promise<CommandResult> {
      const { limit, filter, after } = await wantedOf(events, ctx)
      const { shown, next } = await found(events, filter, after, limit)
      if (ctx.options['follow'] !== true)
        return { json: { events: shown.map(document), next: String(next) }, text: shown.map(line(ctx)).join('\n') }
      const show = (page: readonly FeedEvent[]) => {
        for (const event of page) {
          ctx.print(line(ctx)(event))
          ctx.emit(document(event))
        }
      }
      show(shown)
      for await (const page of events.follow({ ...filter, after: next }, ctx.signal)) show(page.events)
      return { json: undefined, text: '' }
    },
  }
}

async function wantedOf(events: Events, ctx: CommandContext) {
  const { limit: given, type, after } = ctx.options
  const limit = given === undefined ? DEFAULT : Number(given)
  if (given === '' || !Number.isInteger(limit) || limit < 1 || limit > MAX)
    throw ctx.usageError(`--limit takes a whole number from 1 to ${MAX}`)
  if (typeof type === 'boolean') throw ctx.usageError('--type takes the beginning of a type')
  await events.takeIn()
  const place = after === undefined ? undefined : placeIn(String(after), (await events.range()).last)
  return { limit, after: place, filter: { types: typesIn(type === undefined ? [] : type.split(',')) } }
}

/** After a place the next ones, without one the last ones. */
async function found(
  events: Events,
  filter: { readonly types: readonly string[] },
  after: number | undefined,
  limit: number,
): Promise<{ shown: readonly FeedEvent[]; next: number }> {
  if (after !== undefined) {
    const page = await events.read({ ...filter, after, limit })
    return { shown: page.events, next: page.next }
  }
  const { last } = await events.range()
  let shown: readonly FeedEvent[] = []
  for (let at = 0; at < last; ) {
    const page = await events.read({ ...filter, after: at, limit: MAX })
    shown = [...shown, ...page.events].slice(-limit)
    at = page.next
  }
  return { shown, next: last }
}

function document({ text }: FeedEvent): Json {
  return JSON.parse(text) as Json
}

function line({ printable, paint }: CommandContext): (event: FeedEvent) => string {
  return ({ seq, type, subject, text }) => {
    const { time, data } = JSON.parse(text) as { time: string; data: Record<string, Json> }
    const facts = ['target', 'status', 'code', 'actor', 'requester'].map((name) => data[name])
    const words = [subject, ...facts].filter((fact) => typeof fact === 'string' && fact !== '')
    return `${paint.dim(`${seq} ${printable(time)}`)} ${printable(type)} ${printable(words.join(' '))}`.trimEnd()
  }
}
