// The rules of the event feed: everything once, in one order for every process, and nothing kept for who does not listen.
import { readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { auditSlot, compileSchema, definePlugin, type Json, type JsonObject, scrubberSlot } from 'cloned/kernel'
import { type Events, eventsSlot, eventTypesCollection, type FeedEvent } from 'cloned/plugins/events'
import { storeSlot } from 'cloned/plugins/store'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { runCli } from '../../plugins/cli/run.js'
import { defaultDistribution } from '../../plugins/default.js'
import { startChild } from '../child.js'
import { toolId } from '../fixtures/runs-tools.js'
import { type ApiWorld, apiWorld, PIPELINE, RISKY_PIPELINE, type WorldOptions } from './api-fixture.js'
import { memoryIo, runIn } from './cli-fixture.js'
import { type EventStream, openStream } from './events-fixture.js'
import { connected, proofOf } from './pairing-fixture.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()?.()
})

const speaker = definePlugin({
  id: 'acme.kms',
  version: '1.0.0',
  kernel: '^0.1.0',
  contributes: { types: eventTypesCollection },
  setup: () => ({ types: [{ type: 'acme.kms.rotated', summary: 'A key was rotated' }] }),
})

async function opened(options: WorldOptions = {}): Promise<ApiWorld & { events: Events }> {
  const world = await apiWorld({ ...options, plugins: [speaker, ...(options.plugins ?? [])] })
  cleanups.push(() => world.close())
  return Object.assign(world, { events: world.kernel.service(eventsSlot) })
}

async function stream(world: ApiWorld, path = '/v1/events', headers = {}): Promise<EventStream> {
  const opening = await openStream(world, path, headers)
  cleanups.push(() => opening.close())
  return opening
}

const call = (world: ApiWorld, input: Json = {}) =>
  world.kernel.call({ tool: toolId('echo'), input: input as JsonObject })

async function all(events: Events, types: readonly string[] = []): Promise<readonly FeedEvent[]> {
  await events.takeIn()
  const found: FeedEvent[] = []
  for (let after = 0; ; ) {
    const page = await events.read({ after, limit: 1000, types })
    found.push(...page.events)
    if (page.events.length < 1000) return found
    after = page.next
  }
}

const bodyOf = ({ text }: FeedEvent) => JSON.parse(text) as { id: string; type: string; data: Record<string, Json> }
const rotated = (data: JsonObject = {}) => ({ type: 'acme.kms.rotated', subject: 'key', data })

describe('the feed', () => {
  it('has every audit record once, in its order, as sequence, type and hash', async () => {
    const world = await opened()
    for (let n = 0; n < 5; n++) await call(world, { n })
    const found = (await all(world.events)).map((event) => bodyOf(event).data)
    const log: Json[] = []
    for await (const { seq, hash, record } of world.kernel.service(auditSlot).scan())
      log.push({ seq, type: record['type'] ?? '', hash })
    expect(found.map(({ seq, type, hash }) => ({ seq, type, hash }))).toEqual(log)
    expect(log.length).toBeGreaterThan(10)
  })

  it('says of every event what the published schema says', async () => {
    const world = await opened()
    await world.post('/v1/runs', { pipeline: PIPELINE }, { headers: { prefer: 'wait=20' } })
    await world.kernel.service(storeSlot).write([world.events.statement(rotated({ a: [1] }))])
    const check = compileSchema(
      JSON.parse(readFileSync(new URL('../../schemas/event.schema.json', import.meta.url), 'utf8')) as JsonObject,
    )
    const found = await all(world.events)
    expect(found.flatMap(({ text }) => check(JSON.parse(text)))).toEqual([])
    expect(new Set(found.map(({ type }) => type))).toContain('acme.kms.rotated')
  })

  it('tells of a run and its steps in the order in which they happened, after what was recorded of them', async () => {
    const world = await opened()
    let tick = world.now
    Object.defineProperty(world, 'now', { get: () => ++tick })
    await world.post('/v1/runs', { pipeline: PIPELINE }, { headers: { prefer: 'wait=20' } })
    await world.post('/v1/runs', { pipeline: RISKY_PIPELINE }, { headers: { prefer: 'wait=20' } })
    const types = (await all(world.events, ['run.', 'step.', 'approval.'])).map(({ type }) => type)
    // A step is told of as running when it takes a while.
    expect(types.filter((type) => type !== 'step.running')).toEqual([
      ...['run.start', 'run.running', 'step.done', 'run.done'],
      ...['run.start', 'run.running', 'approval.requested', 'step.waiting', 'run.waiting'],
    ])
    const whole = (await all(world.events)).map(({ type }) => type)
    expect(whole.indexOf('tool.outcome')).toBeLessThan(whole.indexOf('step.done'))
  })

  it('holds no input, no output and no reason', async () => {
    const world = await opened()
    await call(world, { said: 'CANARY-INPUT' })
    await world.kernel.call({ tool: toolId('refused'), input: { said: 'CANARY-INPUT' } })
    const text = (await all(world.events)).map((event) => event.text).join()
    expect(text).not.toContain('CANARY')
    expect(text).not.toContain('"reason"')
  })

  it('is the same for every process, whoever takes it in, and is taken in once', async () => {
    const first = await opened()
    const others = await Promise.all([opened({ root: first.root }), opened({ root: first.root })])
    const worlds = [first, ...others]
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(2), fc.constantFrom('call', 'say', 'take')), { minLength: 5, maxLength: 25 }),
        async (steps) => {
          await Promise.all(
            steps.map(async ([who, what], n) => {
              const world = worlds[who] ?? first
              if (what === 'call') await call(world, { n })
              if (what === 'say') await world.kernel.service(storeSlot).write([world.events.statement(rotated({ n }))])
              if (what === 'take') await world.events.takeIn()
            }),
          )
        },
      ),
      { numRuns: 5 },
    )
    const [a, b, c] = await Promise.all(worlds.map(({ events }) => all(events)))
    expect(b).toEqual(a)
    expect(c).toEqual(a)
    const seqs = (a ?? []).map(({ seq }) => seq)
    expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] ?? 0) + i))
    const records = (a ?? []).map((event) => bodyOf(event).data['seq']).filter((seq) => seq !== undefined)
    expect(records).toEqual(records.map((_, i) => i + 1))
  })

  it('has an event if and only if the change that it tells of was made', async () => {
    const { kernel, events } = await opened()
    const store = kernel.service(storeSlot)
    const failing = { sql: 'delete from events where seq < cast($1 as bigint)', args: [0], expect: 1 }
    await expect(store.write([events.statement(rotated({ n: 1 })), failing])).rejects.toMatchObject({
      code: 'STORE_CONFLICT',
    })
    await store.write([events.statement(rotated({ n: 2 }))])
    expect((await all(events, ['acme.'])).map((event) => bodyOf(event).data)).toEqual([{ n: 2 }])
  })

  it('goes on where it was when the process that took it in was killed', async () => {
    const world = await opened()
    const child = startChild('events-taker', world.root)
    cleanups.push(() => child.kill())
    expect(await child.line()).toBe('ready')
    const calls = Array.from({ length: 30 }, (_, n) => call(world, { n }))
    await child.line()
    await child.kill()
    await Promise.all(calls)
    const records = (await all(world.events)).map((event) => bodyOf(event).data['seq'])
    expect(records).toEqual(records.map((_, i) => i + 1))
  })

  it('has higher ids than before when the store was lost, and tells of the log anew', async () => {
    const world = await opened()
    await call(world)
    const before = await all(world.events)
    await world.kernel.stop()
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(world.root, `.cloned/state.db${suffix}`), { force: true })
    const again = await opened({ root: world.root })
    again.now += 60_000
    const after = await all(again.events)
    expect(after[0]?.seq).toBeGreaterThan(before.at(-1)?.seq ?? Number.POSITIVE_INFINITY)
    expect(after.slice(0, before.length).map((event) => bodyOf(event).data['hash'])).toEqual(
      before.map((event) => bodyOf(event).data['hash']),
    )
  })

  it('keeps no more than it is told to, by number and by age', async () => {
    const few = await opened({ config: { 'cloned.events': { keep: 100 } } })
    for (let n = 0; n < 80; n++) await call(few, { n })
    const kept = await all(few.events)
    expect(kept.length).toBeLessThanOrEqual(120)
    few.now += 8 * 24 * 60 * 60 * 1000
    for (let n = 0; n < 10; n++) await call(few, { n })
    expect((await all(few.events)).length).toBeLessThan(40)
    expect((await few.events.range()).first).toBeGreaterThan(kept[0]?.seq ?? 0)
  })
})

describe('what plugins say', () => {
  it.each([
    ['a type that nobody declared', { type: 'acme.kms.other', data: {} }, 'declares this type'],
    ['a type of the log', { type: 'approval.requested', data: {} }, 'declares this type'],
    ['more than 16 KiB', rotated({ text: 'x'.repeat(17_000) }), 'over the limit'],
    ['what is no JSON', rotated({ at: new Date() as unknown as Json }), 'JSON cannot say'],
    ['a subject that is long', { ...rotated(), subject: 'x'.repeat(300) }, 'subject'],
  ])('%s is refused', async (_, event, problem) => {
    const { events } = await opened()
    expect(() => events.statement(event)).toThrow(expect.objectContaining({ code: 'EVENT_REFUSED' }))
    expect(() => events.statement(event)).toThrow(problem)
  })

  it('a plugin that declares a type of somebody else says nothing at all', async () => {
    const thief = definePlugin({
      id: 'evil.thief',
      version: '1.0.0',
      kernel: '^0.1.0',
      contributes: { types: eventTypesCollection },
      setup: () => ({ types: [{ type: 'approval.decided', summary: 'A lie' }] }),
    })
    const { events } = await opened({ plugins: [thief] })
    expect(() => events.statement({ type: 'approval.decided', data: {} })).toThrow('evil.thief declares it')
  })

  it('secrets that were used are taken out', async () => {
    const { kernel, events } = await opened()
    kernel.service(scrubberSlot).register('api-key', Buffer.from('canary-7f3a9b2c4d5e'))
    await kernel.service(storeSlot).write([events.statement(rotated({ note: 'it is canary-7f3a9b2c4d5e' }))])
    const text = (await all(events, ['acme.'])).map((event) => event.text).join()
    expect(text).toContain('[REDACTED:vault:api-key]')
    expect(text).not.toContain('canary')
  })
})

describe('GET /v1/events', () => {
  it('is walked to its end by page, filtered, and nothing comes twice', async () => {
    const world = await opened()
    for (let n = 0; n < 6; n++) await call(world, { n })
    const seen: string[] = []
    for (let after = '0'; ; ) {
      const { body } = await world.get(`/v1/events?type=tool.&limit=5&after=${after}`)
      seen.push(...body.events.map(({ id }: { id: string }) => id))
      after = body.next
      if (body.events.length === 0) break
    }
    expect(seen).toEqual((await all(world.events, ['tool.'])).map(({ seq }) => String(seq)))
    expect(seen).toHaveLength(12)
  })

  it.each([
    '/v1/events?after=x',
    '/v1/events?after=-1',
    '/v1/events?after=999999999999999',
    '/v1/events?type=A%25',
    '/v1/events?type=%27or',
  ])('%s is refused', async (path) => {
    const world = await opened()
    for (const headers of [{}, { accept: 'text/event-stream' }])
      expect((await world.get(path, { headers })).status).toBe(400)
  })

  it('needs a proof of who asks, and the scope', async () => {
    const world = await opened()
    for (const headers of [{}, { accept: 'text/event-stream' }])
      expect((await world.get('/v1/events', { token: null, headers })).status).toBe(401)
  })
})

describe('a stream of events', () => {
  it('begins now, and carries what happens with its id', async () => {
    const world = await opened()
    await call(world, { before: true })
    const reading = await stream(world)
    expect(reading.headers['content-type']).toMatch(/^text\/event-stream/)
    expect(reading.headers['x-content-type-options']).toBe('nosniff')
    const outcome = await call(world)
    const intent = await reading.next()
    expect(intent).toMatchObject({ type: 'tool.intent', subject: outcome.callId })
    expect((await reading.next()).id > intent.id).toBe(true)
  })

  it('carries what happens in other processes', async () => {
    const world = await opened()
    const other = await opened({ root: world.root })
    const reading = await stream(world, '/v1/events?type=tool.outcome&type=acme.')
    const { callId } = await call(other)
    expect(await reading.next()).toMatchObject({ type: 'tool.outcome', subject: callId })
    await other.kernel.service(storeSlot).write([other.events.statement(rotated({ n: 1 }))])
    expect(await reading.next()).toMatchObject({ type: 'acme.kms.rotated', data: { n: 1 } })
  })

  it('goes on after Last-Event-ID without a gap or a repetition, however often it is cut', async () => {
    const world = await opened()
    for (let n = 0; n < 10; n++) await call(world, { n })
    const expected = (await all(world.events)).map(({ seq }) => String(seq))
    const seen: string[] = []
    let last = String(Number(expected[0]) - 1)
    while (seen.length < expected.length) {
      const reading = await stream(world, '/v1/events', { 'last-event-id': last })
      for (let n = 0; n < 7 && seen.length < expected.length; n++) {
        last = (await reading.next()).id
        seen.push(last)
      }
      reading.close()
    }
    expect(seen).toEqual(expected)
  })

  it('nothing is missed or repeated where what is stored ends and what happens begins', async () => {
    const world = await opened()
    for (let n = 0; n < 120; n++) void call(world, { n })
    const first = (await world.get('/v1/events?limit=1')).body.events[0].id as string
    const readings = await Promise.all(
      Array.from({ length: 5 }, () => stream(world, '/v1/events', { 'last-event-id': String(Number(first) - 1) })),
    )
    const { callId } = await call(world, { last: true })
    for (const reading of readings) {
      const ids: number[] = []
      for (;;) {
        const event = await reading.next()
        ids.push(Number(event.id))
        if (event.subject === callId && event.type === 'tool.outcome') break
      }
      expect(ids).toEqual(ids.map((_, i) => Number(first) + i))
    }
  })

  it('says what is not kept any more', async () => {
    const world = await opened({ config: { 'cloned.events': { keep: 100 } } })
    for (let n = 0; n < 80; n++) await call(world, { n })
    await world.events.takeIn()
    const { first } = await world.events.range()
    const reading = await stream(world, '/v1/events', { 'last-event-id': '1' })
    expect(await reading.next()).toMatchObject({ type: 'feed.gap', data: { after: '1', first: String(first) } })
    expect(await reading.next()).toMatchObject({ id: String(first) })
  })

  it('shows signs of life', async () => {
    const world = await opened({ config: { 'cloned.events': { heartbeat_s: 1 } } })
    const reading = await stream(world)
    await expect.poll(() => reading.comments(), { timeout: 5_000 }).toBeGreaterThan(1)
  })

  it('a reader who does not read is cut off, the others go on, and nothing is kept for it', async () => {
    const world = await opened()
    const port = Number(new URL(world.address).port)
    const lazy = connect(port, '127.0.0.1')
    cleanups.push(() => lazy.destroy())
    const gone = new Promise<void>((resolve) => lazy.once('close', () => resolve()))
    lazy.pause()
    lazy.write(
      `GET /v1/events HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\nauthorization: Bearer ${world.token}\r\n\r\n`,
    )
    const reading = await stream(world, '/v1/events?type=acme.')
    const text = 'x'.repeat(15_000)
    const store = world.kernel.service(storeSlot)
    // More than the buffers of the two sockets can hold.
    let sent = 0
    let over = false
    lazy.once('close', () => {
      over = true
    })
    while (!over && sent < 4_000) {
      await store.write(Array.from({ length: 20 }, () => world.events.statement(rotated({ n: sent++, text }))))
      for (let n = 0; n < 20; n++) await reading.next()
      // The end of a connection is only seen by who reads.
      if (sent > 600) lazy.resume()
    }
    await gone
    expect(sent).toBeLessThan(4_000)
  })

  it('of a device ends as soon as the device is revoked, before anything more is sent', async () => {
    const world = await opened()
    const { id, key, token } = await connected(world, ['events:read'])
    const path = '/v1/events?type=tool.'
    const reading = await stream(world, path, {
      authorization: `DPoP ${token}`,
      dpop: proofOf(world, key, { method: 'GET', path, credentials: token }),
    })
    await call(world)
    expect(await reading.next()).toMatchObject({ type: 'tool.intent' })
    expect((await world.post(`/v1/pairings/${id}/revoke`)).status).toBe(200)
    await call(world, { secret: true })
    const types: string[] = []
    await expect(
      (async () => {
        for (;;) types.push((await reading.next()).type)
      })(),
    ).rejects.toThrow('the stream has ended')
    expect(types).toEqual(['tool.outcome'])
  })

  it('ends with the server, and readers are not waited for', async () => {
    const world = await opened()
    const reading = await stream(world)
    await world.kernel.stop()
    await expect(reading.next()).rejects.toThrow('the stream has ended')
  })
})

describe('events tail', () => {
  const tail = (world: ApiWorld, ...argv: string[]) =>
    runIn(defaultDistribution(), world.root, ['--workspace', world.root, 'events', 'tail', ...argv])

  it('shows the last ones, of the types that are asked for', async () => {
    const world = await opened()
    for (let n = 0; n < 4; n++) await call(world, { n })
    const { code, out } = await tail(world, '--limit', '3', '--type', 'tool.outcome')
    expect(code).toBe(0)
    const lines = out.trim().split('\n')
    expect(lines).toHaveLength(3)
    for (const line of lines) expect(line).toMatch(/^\d+ \S+Z tool\.outcome \S+ \S+@v1 done user:/)
  })

  it('with --json is one document, which says where to go on', async () => {
    const world = await opened()
    await call(world)
    const first = JSON.parse((await tail(world, '--json', '--limit', '2')).out)
    expect(first.events).toHaveLength(2)
    const { callId } = await call(world)
    const more = JSON.parse((await tail(world, '--json', '--type', 'tool.', '--after', first.next)).out)
    expect(more.events.map(({ subject }: { subject: string }) => subject)).toEqual([callId, callId])
  })

  it('with --follow and --json is a line for each event of any process, until it is interrupted', async () => {
    const world = await opened()
    const { io, texts, interrupt } = memoryIo()
    const argv = ['--workspace', world.root, '--json', 'events', 'tail', '--follow', '--type', 'tool.outcome']
    const running = runCli({ distribution: defaultDistribution(), argv, io, cwd: world.root, env: {} })
    const { last } = await world.events.range()
    const { callId } = await call(world)
    await expect.poll(() => texts.out, { timeout: 10_000 }).toContain(callId)
    interrupt()
    await running
    const lines = texts.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.every(({ type, id }) => type === 'tool.outcome' && Number(id) > last - 100)).toBe(true)
  })

  it.each([
    ['--limit', '0'],
    ['--limit', 'x'],
    ['--after', 'x'],
    ['--after', '999999999999999'],
    ['--type', 'A%'],
  ])('refuses %s %s', async (...argv) => {
    const world = await opened()
    expect((await tail(world, ...argv)).code).toBe(2)
  })
})
