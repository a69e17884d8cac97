// The rules that every event feed keeps, as cases for any test runner; must never rely on how a feed is stored.
import assert from 'node:assert/strict'
import { auditSlot, compileSchema, definePlugin, type Json, type Kernel, readSchema, scrubberSlot } from 'cloned/kernel'
import {
  type Bench,
  type BenchTool,
  benchRules,
  benchTool,
  benchTools,
  type ContractCase,
  type OpenReplaced,
} from 'cloned/testing'
import { storeSlot } from '../store/slot.js'
import { type EventQuery, eventsSlot, eventTypesCollection, type FeedEvent, type NewEvent } from './slot.js'

const HAPPENED = 'bench.events.happened'
const OTHER = 'bench.events.other'
const CANARY = 'canary-7c1e5a-4711'

/** The contract of slot `cloned.events`. */
export function eventsSuite(open: OpenReplaced): readonly ContractCase[] {
  const rule = benchRules(open, bench)
  return [
    rule('what was said is a CloudEvent in the feed, under its number', async ({ kernel, now }) => {
      const before = now()
      await say(kernel, { subject: 'thing-1', data: { n: 1, nested: { list: [null, 'x'] } } })
      const [event, ...more] = await read(kernel)
      assert.deepEqual(more, [])
      const told = JSON.parse(event?.text ?? 'null')
      assert.deepEqual(compileSchema(readSchema('event'))(told), [])
      assert.deepEqual([told.id, told.type, told.subject], [String(event?.seq), HAPPENED, 'thing-1'])
      assert.deepEqual([event?.type, event?.subject], [HAPPENED, 'thing-1'])
      assert.deepEqual(told.data, { n: 1, nested: { list: [null, 'x'] } })
      const at = Date.parse(told.time)
      assert.ok(at >= before && at <= now(), `${told.time} is not when it was said`)
    }),
    rule('an event is durable with its batch, or not at all', async ({ kernel }) => {
      const store = kernel.service(storeSlot)
      const { statement } = kernel.service(eventsSlot)
      const never = { sql: 'update bench_nothing set n = 1', expect: 1 }
      await assert.rejects(store.write([statement({ type: HAPPENED, data: { n: 1 } }), never]))
      await store.write([2, 3].map((n) => statement({ type: HAPPENED, data: { n } })))
      assert.deepEqual(numbers(await read(kernel)), [2, 3])
    }),
    rule('numbers rise in the order of what was said, and go on rising after a restart', async (subject) => {
      const first = subject.kernel
      for (let n = 0; n < 12; n++) await say(first, { data: { n } })
      const old = await read(first)
      await subject.reopen()
      await say(subject.kernel, { data: { n: 12 } })
      const all = await read(subject.kernel)
      assert.deepEqual(all.slice(0, 12), old)
      assert.deepEqual(
        numbers(all),
        Array.from({ length: 13 }, (_, n) => n),
      )
      assert.ok(all.every(({ seq }, i) => i === 0 || seq > (all[i - 1]?.seq ?? seq)))
      const range = await subject.kernel.service(eventsSlot).range()
      assert.ok(range.first <= (all[0]?.seq ?? 0) && range.last >= (all.at(-1)?.seq ?? 0), JSON.stringify(range))
    }),
    rule('pages follow each other without a gap or a repetition', async ({ kernel }) => {
      for (let n = 0; n < 7; n++) await say(kernel, { data: { n } })
      const events = kernel.service(eventsSlot)
      await events.takeIn()
      const { last } = await events.range()
      const seen: FeedEvent[] = []
      for (let after = 0, turns = 0; after < last; turns++) {
        assert.ok(turns < 1_000, 'the pages do not come to an end')
        const page = await events.read({ after, limit: 3, types: [HAPPENED] })
        assert.ok(page.events.length <= 3 && page.next > after)
        seen.push(...page.events)
        after = page.next
      }
      assert.deepEqual(numbers(seen), [0, 1, 2, 3, 4, 5, 6])
      assert.deepEqual(await events.read({ after: last, limit: 3, types: [HAPPENED] }), { events: [], next: last })
    }),
    rule('types are taken by their beginning, subjects as a whole, and both have to fit', async ({ kernel }) => {
      await say(kernel, { subject: 'a', data: { n: 1 } })
      await say(kernel, { subject: 'ab', data: { n: 2 } })
      await say(kernel, { type: OTHER, subject: 'a', data: { n: 3 } })
      const found = async (filter: Partial<EventQuery>) => numbers(await read(kernel, filter))
      assert.deepEqual(await found({ types: ['bench.'] }), [1, 2, 3])
      assert.deepEqual(await found({ types: ['bench.events.h', OTHER] }), [1, 2, 3])
      assert.deepEqual(await found({ types: [OTHER] }), [3])
      assert.deepEqual(await found({ types: ['bench.'], subject: 'a' }), [1, 3])
      assert.deepEqual(await found({ types: ['happened'] }), [])
      assert.deepEqual(await found({ types: ['%'] }), [])
    }),
    rule(
      'every record of a governed call is an event with its sequence, type and hash, and quotes nothing',
      async ({ kernel }) => {
        const call = (tool: BenchTool) =>
          kernel.call({ tool: benchTool(tool), input: { text: CANARY }, actor: 'agent:bench' })
        const refused = await call('refused')
        const { callId } = await call('free')
        const records = await kernel.service(auditSlot).find(callId)
        assert.ok(records.length >= 2)
        const events = (await read(kernel, { types: ['tool.'] })).map(({ text }) => JSON.parse(text))
        for (const { seq, hash, record } of records) {
          const found = events.filter(({ data }) => data.hash === hash)
          assert.equal(found.length, 1, `record ${seq} is in the feed ${found.length} times`)
          assert.deepEqual([found[0].type, found[0].data.seq], [record['type'], seq])
        }
        assert.ok(!JSON.stringify(events).includes(CANARY), 'the feed quotes the input of a call')
        assert.ok(refused.status === 'denied')
        assert.ok(!JSON.stringify(events).includes(refused.reason), 'the feed quotes the reason of a guard')
      },
    ),
    rule('whatever takes in at the same time, everything is taken in once', async (subject) => {
      const kernels = [subject.kernel, await subject.beside()]
      for (let n = 0; n < 20; n++) await say(kernels[n % 2] as Kernel, { data: { n } })
      await subject.kernel.call({ tool: benchTool('free'), input: {}, actor: 'agent:bench' })
      await Promise.all([...kernels, ...kernels].map((kernel) => kernel.service(eventsSlot).takeIn()))
      const [one, two] = await Promise.all(kernels.map((kernel) => read(kernel, { types: [] })))
      assert.deepEqual(one, two)
      const own = (one ?? []).filter(({ type }) => type === HAPPENED)
      assert.deepEqual(
        numbers(own).sort((a, b) => a - b),
        Array.from({ length: 20 }, (_, n) => n),
      )
      const hashes = (one ?? []).flatMap(({ text }) => JSON.parse(text).data.hash ?? [])
      assert.equal(new Set(hashes).size, hashes.length, 'a record was taken in twice')
    }),
    rule('whoever follows gets what is there, then what comes, from any process, until they stop', async (subject) => {
      const { kernel } = subject
      await say(kernel, { data: { n: 0 } })
      const stop = new AbortController()
      const pages = kernel.service(eventsSlot).follow({ after: 0, types: [HAPPENED] }, stop.signal)
      const seen: number[] = []
      const beside = await subject.beside()
      for await (const { events } of pages) {
        assert.ok(events.length > 0, 'an empty page')
        seen.push(...numbers(events))
        if (seen.length === 1) await say(beside, { data: { n: 1 } })
        if (seen.length === 2) await say(kernel, { type: OTHER, data: { n: 9 } })
        if (seen.length === 2) await say(kernel, { data: { n: 2 } })
        if (seen.length >= 3) stop.abort()
      }
      assert.deepEqual(seen, [0, 1, 2])
    }),
    rule('refuses what no plugin declared, and what is too large', async ({ kernel }) => {
      const { statement } = kernel.service(eventsSlot)
      const bad: Record<string, NewEvent> = {
        'a type that nobody declared': { type: 'bench.events.unheard-of', data: {} },
        'a type of the audit log': { type: 'tool.outcome', data: { status: 'done' } },
        'a subject of 257 characters': { type: HAPPENED, subject: 'x'.repeat(257), data: {} },
        'more than 16 KiB': { type: HAPPENED, data: { text: 'x'.repeat(16 * 1024) } },
        'what is no JSON': { type: HAPPENED, data: { when: (() => 0) as unknown as Json } },
      }
      for (const [what, event] of Object.entries(bad))
        assert.throws(() => statement(event), { code: 'EVENT_REFUSED' }, what)
      assert.deepEqual(await read(kernel), [])
    }),
    rule('a secret that the process has used does not get into the feed', async ({ kernel }) => {
      kernel.service(scrubberSlot).register('bench', Buffer.from(CANARY))
      await say(kernel, { data: { text: `key: ${CANARY}`, [CANARY]: [CANARY] } })
      const [event] = await read(kernel)
      assert.ok(event && !event.text.includes(CANARY), event?.text)
    }),
  ]
}

function bench(): Bench {
  const types = [HAPPENED, OTHER].map((type) => ({ type, summary: 'Something has happened in the suite' }))
  const plugin = definePlugin({
    id: 'bench.events',
    version: '1.0.0',
    kernel: '^0.1.0',
    stability: 'stable',
    requires: { store: storeSlot },
    contributes: { types: eventTypesCollection },
    setup({ deps: { store }, onStart }) {
      onStart(() => store.migrate('bench.events', [['create table bench_nothing (n bigint)']]))
      return { types }
    },
  })
  return benchTools(plugin)
}

async function say(kernel: Kernel, event: Omit<NewEvent, 'type'> & { type?: string }): Promise<void> {
  const statement = kernel.service(eventsSlot).statement({ type: HAPPENED, ...event })
  await kernel.service(storeSlot).write([statement])
}

/** Everything of a filter; what the suite itself said without one. */
async function read(
  kernel: Kernel,
  filter: Partial<EventQuery> = { types: [HAPPENED] },
): Promise<readonly FeedEvent[]> {
  const events = kernel.service(eventsSlot)
  await events.takeIn()
  return (await events.read({ after: 0, limit: 1_000, ...filter })).events
}

function numbers(events: readonly FeedEvent[]): number[] {
  return events.map(({ text }) => JSON.parse(text).data.n)
}
