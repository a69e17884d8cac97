// Events over HTTP: a page of what is kept, or a stream of what happens; it alters nothing.
import type { ApiPart } from '../api/slot.js'
import { placeIn, typesIn } from './query.js'
import { frame, type Readers } from './readers.js'
import type { Events } from './slot.js'

const DEFAULT = 100
const DEVICE = 'device:'
const TYPE = { type: 'string', maxLength: 128, examples: ['approval.'] } as const
const QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    type: {
      anyOf: [TYPE, { type: 'array', maxItems: 20, items: TYPE }],
      examples: ['approval.'],
      description: 'Only types that begin with this, or with one of these when it is repeated.',
    },
    after: {
      type: 'string',
      maxLength: 15,
      examples: ['1795343400000'],
      description:
        'Only events after this one; `Last-Event-ID` wins. Without: a page begins with the oldest, a stream now.',
    },
    limit: { type: 'integer', minimum: 1, maximum: 1_000, description: `Of a page; ${DEFAULT} without.` },
  },
} as const
const EVENT = {
  title: 'Event',
  type: 'object',
  description: 'CloudEvents 1.0.',
  required: ['specversion', 'id', 'source', 'type', 'time', 'data'],
  properties: {
    specversion: { const: '1.0' },
    id: { type: 'string', description: 'A number that grows.' },
    source: { type: 'string' },
    type: { type: 'string' },
    subject: { type: 'string' },
    time: { type: 'string', format: 'date-time' },
    datacontenttype: { const: 'application/json' },
    data: { type: 'object' },
  },
  examples: [
    {
      specversion: '1.0',
      id: '1795343400001',
      source: 'urn:cloned:workspace:fb6633697f6dc4b1300ec4c7b9dd53e9',
      type: 'approval.requested',
      subject: 'ap_k3v7q2m4x5zt',
      time: '2026-11-22T09:30:00.000Z',
      datacontenttype: 'application/json',
      data: { approval: 'ap_k3v7q2m4x5zt', kind: 'tool.call', seq: 7, type: 'approval.requested', hash: 'a3f5…' },
    },
  ],
} as const
const PAGE = {
  type: 'object',
  required: ['events', 'next'],
  properties: {
    events: { type: 'array', items: EVENT },
    next: {
      type: 'string',
      examples: ['1795343400001'],
      description: 'What to pass as `after` next, also when this page is empty.',
    },
  },
} as const

interface Query {
  readonly type?: string | readonly string[]
  readonly after?: string
  readonly limit?: number
}

export interface EventsPartDeps {
  readonly events: Pick<Events, 'takeIn' | 'read' | 'range'>
  readonly readers: Pick<Readers, 'add'>
  /** Whether an actor who is a device may still read. */
  readonly paired: (device: string) => Promise<boolean>
  /** The envelope that says which events are not kept any more. */
  readonly gap: (after: number, first: number) => string
}

export function eventsPart({ events, readers, paired, gap }: EventsPartDeps): ApiPart {
  return {
    tag: 'events',
    register(app, api) {
      app.get<{ Querystring: Query }>('/events', {
        schema: {
          operationId: 'listEvents',
          summary: 'A page of events; with `Accept: text/event-stream` what happens from now on or after an event',
          querystring: QUERY,
          response: {
            200: {
              content: {
                'application/json': { schema: PAGE },
                'text/event-stream': { schema: { type: 'string', examples: ['id: 1795343400001\ndata: {…}\n\n'] } },
              },
            },
          },
        },
        config: { scope: 'events:read' },
        handler: async (request, reply) => {
          const { type = [], after, limit = DEFAULT } = request.query
          const types = typesIn([type].flat())
          await events.takeIn()
          const { first, last } = await events.range()
          const seen = request.headers['last-event-id'] ?? after
          const place = seen === undefined ? undefined : placeIn(String(seen), last)
          reply.header('vary', 'Accept')
          if (request.method === 'HEAD' || !/\btext\/event-stream\b/.test(request.headers.accept ?? '')) {
            const page = await events.read({ after: place ?? 0, limit, types })
            reply.type('application/json; charset=utf-8')
            return `{"events":[${page.events.map(({ text }) => text).join(',')}],"next":"${page.next}"}`
          }
          // What the parts of the server have set so far; Fastify has no more to do with it.
          reply.hijack()
          const { raw } = reply
          raw.writeHead(200, {
            ...reply.getHeaders(),
            'content-type': 'text/event-stream; charset=utf-8',
            'cache-control': 'no-store',
            'x-accel-buffering': 'no',
          } as Record<string, string>)
          raw.write(place !== undefined && place < first - 1 ? lost(gap(place, first)) : ':\n\n')
          const { id } = api.principal(request).actor
          const mayRead = id.startsWith(DEVICE) ? () => paired(id.slice(DEVICE.length)) : undefined
          void readers.add({ connection: raw, types, after: place ?? last, mayRead })
          return reply
        },
      })
    },
  }
}

/** Without an id: whoever is cut off now asks again for what it had seen, and hears of the gap again. */
function lost(text: string): Buffer {
  return frame({ seq: 0, text }).subarray('id: 0\n'.length)
}
