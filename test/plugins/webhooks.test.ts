// The rules of webhooks: sent where the policy lets them, signed, until they are taken, and never about themselves.
import { randomBytes } from 'node:crypto'
import { auditSlot, type JsonObject } from 'cloned/kernel'
import { storeSlot } from 'cloned/plugins/store'
import { vaultSlot } from 'cloned/plugins/vault'
import { webhooksSlot } from 'cloned/plugins/webhooks'
import { afterEach, describe, expect, it } from 'vitest'
import { defaultDistribution } from '../../plugins/default.js'
import { restAfter, waitAfter } from '../../plugins/webhooks/schedule.js'
import { hmacKey } from '../../plugins/webhooks/sign.js'
import { startChild } from '../child.js'
import { toolId } from '../fixtures/runs-tools.js'
import { type ApiWorld, apiWorld, type WorldOptions } from './api-fixture.js'
import { runIn } from './cli-fixture.js'
import { addWebhook, allowTarget, approve, type Receiver, receiver, verifies } from './webhooks-fixture.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()?.()
})

async function opened(options: WorldOptions = {}): Promise<ApiWorld> {
  const world = await apiWorld({ config: { 'cloned.webhooks': { patienceMs: 0 } }, ...options })
  cleanups.push(() => world.close())
  return world
}

async function listening(...answer: Parameters<typeof receiver>): Promise<Receiver> {
  const found = await receiver(...answer)
  cleanups.push(() => found.close())
  return found
}

const call = ({ kernel }: ApiWorld, tool = 'echo', input: JsonObject = {}) =>
  kernel.call({ tool: toolId(tool as 'echo'), input })
const webhookOf = async (world: ApiWorld, name: string) =>
  (await world.kernel.service(webhooksSlot).list()).find((one) => one.name === name)
/** Of the one message that waits. */
const attemptsOf = async (world: ApiWorld) => {
  const sql = "select max(attempts) as most from webhook_messages where state = 'pending'"
  return (await world.kernel.service(storeSlot).all(sql))[0]?.['most']
}
const patiently = { timeout: 10_000, interval: 20 }
const until = <T>(read: () => T | Promise<T>) => expect.poll(read, patiently)

describe('a webhook', () => {
  it('gets what it asks for, signed, and nothing else', async () => {
    const world = await opened()
    const target = await listening()
    const key = await addWebhook(world, 'ci', target, { types: ['tool.outcome'] })
    const { callId } = await call(world)
    await until(() => target.received.length).toBe(1)
    const [message] = target.received
    if (!message) throw new Error('nothing was received')
    expect(message.event).toMatchObject({ specversion: '1.0', type: 'tool.outcome', subject: callId })
    expect(message.headers['content-type']).toMatch(/^application\/cloudevents\+json/)
    expect(verifies(message, key, world.now)).toBe(true)
    expect(verifies({ ...message, body: message.body.replace('done', 'dead') }, key, world.now)).toBe(false)
    expect(verifies(message, key, world.now + 301_000)).toBe(false)
  })

  it('has a key of its own, which another of the same name does not get', async () => {
    const world = await opened()
    const target = await listening()
    const keys = new Set([await addWebhook(world, 'a', target), await addWebhook(world, 'b', target)])
    expect((await world.post('/v1/webhooks/a/remove')).status).toBe(200)
    keys.add(await addWebhook(world, 'a', await listening()))
    expect(keys.size).toBe(3)
  })

  it('is signed with its secret of the vault besides, for its own host and name alone', async () => {
    const world = await opened()
    const target = await listening()
    const secret = `whsec_${randomBytes(32).toString('base64')}`
    const scope = {
      hosts: [`127.0.0.1:${target.port}`],
      tools: ['cloned.webhook.ci@v1'],
      slots: ['header:webhook-signature'],
    }
    const stored = await world.kernel.service(vaultSlot).put('hook', Buffer.from(secret), scope)
    if (stored.status !== 'pending') throw new Error(stored.status)
    await approve(world.kernel, stored.approval.id)
    const key = await addWebhook(world, 'ci', target, { types: ['tool.outcome'], secret: 'hook' })
    await addWebhook(world, 'thief', target, { types: ['tool.outcome'], secret: 'hook' })
    await call(world)
    await until(async () => (await webhookOf(world, 'thief'))?.problem).toContain('hook')
    await until(() => target.received.length).toBe(1)
    const [message] = target.received
    if (!message) throw new Error('nothing was received')
    expect([verifies(message, key, world.now), verifies(message, secret, world.now)]).toEqual([true, true])
    expect(verifies(message, `whsec_${randomBytes(32).toString('base64')}`, world.now)).toBe(false)
    expect((await world.get('/v1/webhooks')).text).not.toContain(secret.slice(6, 20))
  })

  it.each(['whsec_', 'whsec_c2hvcnQ=', 'c2VjcmV0', `whsec_${'A'.repeat(200)}`, 'whsec_!!!!'])(
    'a secret that is no Standard Webhooks secret signs nothing: %s',
    (text) => {
      expect(hmacKey(Buffer.from(text))).toBeUndefined()
    },
  )

  it('is not set up without an egress rule of its own, and nobody is asked', async () => {
    const world = await opened()
    const target = await listening()
    await allowTarget(world, 'other', target.port)
    const { status, body } = await world.post('/v1/webhooks', { name: 'ci', url: target.url })
    expect(status).toBe(403)
    expect(body).toMatchObject({ code: 'WEBHOOK_REFUSED' })
    expect(body.help).toContain('cloned firewall allow 127.0.0.1 --tool cloned.webhook.ci@v1')
    expect((await world.get('/v1/webhooks')).body.webhooks).toEqual([])
  })

  it('is not set up for what is no clear and safe URL, nor under what is no name', async () => {
    const world = await opened()
    const urls = [
      'http://hooks.example.com/',
      'ftp://127.0.0.1/',
      'https://user:pass@hooks.example.com/',
      'https://169.254.169.254/',
      'https://localhost/',
      'hooks.example.com',
      '',
    ]
    for (const url of urls)
      expect((await world.post('/v1/webhooks', { name: 'ci', url })).status, url).toBeGreaterThanOrEqual(400)
    for (const name of ['', 'A', '../x', 'a'.repeat(33), '1a'])
      expect((await world.post('/v1/webhooks', { name, url: 'https://hooks.example.com/' })).status, name).toBe(400)
  })

  it('is there once, however often it is approved, and gone when it is removed', async () => {
    const world = await opened()
    const target = await listening()
    await addWebhook(world, 'ci', target)
    const { body } = await world.post('/v1/webhooks', { name: 'ci', url: target.url, types: ['run.'] })
    const again = await world.post(`/v1/approvals/${body.approval_id}/decide`, { verdict: 'approve' })
    expect(again.body.outcome).toMatchObject({ status: 'failed', code: 'WEBHOOK_REFUSED' })
    expect((await world.post('/v1/webhooks/ci/remove')).status).toBe(200)
    expect((await world.post('/v1/webhooks/ci/remove')).status).toBe(404)
    const before = target.received.length
    await call(world)
    await world.kernel.service(webhooksSlot).list()
    expect(await webhookOf(world, 'ci')).toBeUndefined()
    expect(target.received.length).toBe(before)
  })
})

describe('a delivery', () => {
  it('is tried again, later and later, under the same id, and what follows waits for its turn', async () => {
    const world = await opened()
    let answers = [503, 500, 429]
    const target = await listening((response) => void response.writeHead(answers.shift() ?? 204).end())
    await addWebhook(world, 'ci', target, { types: ['tool.outcome'] })
    await call(world)
    await until(() => target.received.length).toBe(1)
    await call(world)
    for (let attempt = 1; attempt <= 3; attempt++) {
      await until(() => attemptsOf(world)).toBe(attempt)
      expect((await webhookOf(world, 'ci'))?.problem).toMatch(/answered with/)
      expect(target.received.length).toBe(attempt)
      world.now += restAfter(attempt)
      await until(() => target.received.length).toBeGreaterThan(attempt)
    }
    await until(() => target.received.length).toBe(5)
    const ids = target.received.map(({ id }) => id)
    expect(new Set(ids.slice(0, 4)).size).toBe(1)
    expect(ids[4]).not.toBe(ids[0])
    answers = []
    await until(async () => (await webhookOf(world, 'ci'))?.delivered).toBe(2)
    expect((await webhookOf(world, 'ci'))?.problem).toBeUndefined()
  })

  it('of a message that the receiver does not want holds nothing up, is given up in the end, and can be replayed', async () => {
    const world = await opened()
    let wants = false
    const target = await listening((response, { event }) => {
      response.writeHead(event.data.status === 'denied' && !wants ? 400 : 200).end()
    })
    await addWebhook(world, 'ci', target, { types: ['tool.outcome'] })
    const denied = await call(world, 'refused')
    await call(world)
    await until(async () => (await webhookOf(world, 'ci'))?.delivered).toBe(1)
    for (let attempts = 1; attempts <= 9; attempts++) {
      await until(() => attemptsOf(world)).toBe(attempts)
      world.now += waitAfter(attempts) ?? 0
    }
    await until(async () => (await webhookOf(world, 'ci'))?.dead).toBe(1)
    const { dead_letters } = (await world.get('/v1/webhooks/ci/dead')).body
    expect(dead_letters).toMatchObject([{ type: 'tool.outcome', attempts: 10, problem: 'it answered with 400' }])
    wants = true
    const replayed = await world.post('/v1/webhooks/ci/replay', { event: dead_letters[0].event })
    expect(replayed.body).toEqual({ replayed: 1 })
    await until(async () => (await webhookOf(world, 'ci'))?.delivered).toBe(2)
    expect(
      new Set(target.received.filter(({ event }) => event.subject === denied.callId).map(({ id }) => id)).size,
    ).toBe(1)
  })

  it('ends for good when the receiver says that it is gone: replaying does not turn it on, adding it anew does', async () => {
    const world = await opened()
    let status = 410
    const target = await listening((response) => void response.writeHead(status).end())
    await addWebhook(world, 'ci', target, { types: ['tool.outcome'] })
    await call(world)
    await until(async () => (await webhookOf(world, 'ci'))?.state).toBe('off')
    world.now += 24 * 60 * 60 * 1000
    await call(world)
    status = 200
    const replayed = await world.post('/v1/webhooks/ci/replay')
    expect([replayed.status, replayed.body.code]).toEqual([403, 'WEBHOOK_REFUSED'])
    expect([(await webhookOf(world, 'ci'))?.state, target.received.length]).toEqual(['off', 1])
    const removed = await world.post('/v1/webhooks/ci/remove')
    if (removed.status === 202)
      await world.post(`/v1/approvals/${removed.body.approval_id}/decide`, { verdict: 'approve' })
    const again = await world.post('/v1/webhooks', { name: 'ci', url: target.url, types: ['tool.outcome'] })
    expect(again.status).toBe(202)
    const decided = await world.post(`/v1/approvals/${again.body.approval_id}/decide`, { verdict: 'approve' })
    expect(decided.body.outcome?.status).toBe('done')
    await call(world)
    await until(async () => (await webhookOf(world, 'ci'))?.delivered).toBe(1)
  })

  it('follows no redirect, into private space or elsewhere', async () => {
    const world = await opened()
    const inner = await listening()
    const target = await listening((response) => void response.writeHead(307, { location: inner.url }).end())
    await addWebhook(world, 'ci', target, { types: ['tool.outcome'] })
    await allowTarget(world, 'ci', inner.port)
    await call(world)
    await until(async () => (await webhookOf(world, 'ci'))?.problem).toBe('it answered with 307')
    expect(inner.received).toEqual([])
  })

  it('to a receiver that is not there says so', async () => {
    const world = await opened()
    const { body } = await world.post('/v1/firewall/allowlist', {
      ...{ hosts: ['127.0.0.2'], ports: [9], schemes: ['http'], tool: 'cloned.webhook.ci@v1' },
    })
    await approve(world.kernel, body.approval_id)
    const asked = await world.post('/v1/webhooks', { name: 'ci', url: 'http://127.0.0.2:9/x' })
    await approve(world.kernel, asked.body.approval_id)
    const tested = await world.post('/v1/webhooks/ci/test')
    expect(tested.body.output).toMatchObject({ delivered: 0, problem: expect.stringContaining('127.0.0.2') })
  })

  it('to a receiver that never answers is given up, and keeps no other receiver waiting', async () => {
    const world = await opened()
    const silent = await listening(() => {})
    const target = await listening()
    await addWebhook(world, 'silent', silent, { types: ['tool.outcome'] })
    await addWebhook(world, 'ci', target, { types: ['tool.outcome'] })
    await call(world)
    await until(() => silent.received.length).toBe(1)
    for (let n = 1; n <= 3; n++) {
      await until(() => target.received.length).toBe(n)
      await call(world)
    }
    world.now += 16_000
    await until(async () => (await webhookOf(world, 'silent'))?.problem).toContain('15000 ms')
  })

  it('reads no answer that has no end', async () => {
    const world = await opened()
    let sent = 0
    const target = await listening((response) => {
      const piece = Buffer.alloc(64 * 1024)
      const pour = () => {
        while (!response.destroyed && response.write(piece)) sent += piece.length
      }
      response.on('drain', pour)
      pour()
    })
    await addWebhook(world, 'ci', target, { types: ['tool.outcome'] })
    await call(world)
    await until(async () => (await webhookOf(world, 'ci'))?.problem).toContain('larger than 65536 bytes')
    expect(sent).toBeLessThan(32 * 1024 * 1024)
  })

  it('is not made any more once its egress rule is gone', async () => {
    const world = await opened()
    const target = await listening()
    await addWebhook(world, 'ci', target, { types: ['tool.outcome'] })
    const { body } = await world.post('/v1/firewall/allowlist/remove', {
      hosts: ['127.0.0.1'],
      tool: 'cloned.webhook.ci@v1',
    })
    await approve(world.kernel, body.approval_id)
    await call(world)
    await until(async () => (await webhookOf(world, 'ci'))?.problem).toContain('127.0.0.1')
    expect(target.received).toEqual([])
  })

  it('is a governed action: its intent and its request are in the audit log', async () => {
    const world = await opened()
    const target = await listening()
    await addWebhook(world, 'ci', target, { types: ['tool.outcome'] })
    const { callId } = await call(world)
    await until(async () => (await webhookOf(world, 'ci'))?.delivered).toBe(1)
    const records: JsonObject[] = []
    for await (const { record } of world.kernel.service(auditSlot).scan()) records.push(record)
    const intent = records.find(({ type }) => type === 'delivery.intent')
    const mine = records.filter((record) => record['call_id'] === intent?.['call_id']).map(({ type }) => type)
    expect(mine).toEqual(['delivery.intent', 'check.before_egress', 'delivery.outcome'])
    expect(callId).not.toBe(intent?.['call_id'])
  })

  it('tells nobody of itself, so that there is silence again', async () => {
    const world = await opened()
    const target = await listening()
    await addWebhook(world, 'all', target)
    // The second call is told after everything that the delivery of the first has left in the feed.
    for (let n = 0; n < 2; n++) {
      const { callId } = await call(world, 'echo', { n })
      const arrived = () =>
        target.received.some(({ event }) => event.subject === callId && event.type === 'tool.outcome')
      await until(arrived).toBe(true)
      await until(async () => (await webhookOf(world, 'all'))?.pending).toBe(0)
    }
    const types = new Set(target.received.map(({ event }) => event.type.split('.')[0]))
    for (const type of ['delivery', 'check', 'log', 'store']) expect(types).not.toContain(type)
  })

  it('that was cut off by a kill is made again, by another process, under the same id', async () => {
    const world = await opened()
    let hold = true
    const target = await listening((response) => {
      if (!hold) response.end()
    })
    await addWebhook(world, 'ci', target, { types: ['tool.outcome'] })
    await world.kernel.stop()
    const child = startChild('webhooks-child', world.root)
    cleanups.push(() => child.kill())
    expect(await child.line()).toMatch(/^done /)
    await until(() => target.received.length).toBe(1)
    await child.kill()
    hold = false
    const next = await opened({ root: world.root })
    await until(async () => (await webhookOf(next, 'ci'))?.delivered).toBe(1)
    expect(target.received.length).toBe(2)
    expect(target.received[1]?.id).toBe(target.received[0]?.id)
  })

  it('is made before a short process ends, which waits a little for it', async () => {
    const world = await opened()
    const target = await listening()
    await addWebhook(world, 'ci', target, { types: ['tool.outcome'] })
    await world.kernel.stop()
    const short = await opened({ root: world.root, config: { 'cloned.webhooks': { patienceMs: 5_000 } } })
    const { callId } = await call(short)
    await short.kernel.stop()
    expect(target.received.map(({ event }) => event.subject)).toEqual([callId])
  })

  it('that nobody takes keeps no more than so many messages', async () => {
    const world = await opened()
    const target = await listening((response) => void response.writeHead(500).end())
    await addWebhook(world, 'ci', target, { types: ['tool.'] })
    await Promise.all(Array.from({ length: 700 }, (_, n) => call(world, 'echo', { n })))
    await until(async () => (await webhookOf(world, 'ci'))?.pending).toBeGreaterThanOrEqual(1_000)
    const [row] = await world.kernel.service(storeSlot).all('select count(*) as n from webhook_messages')
    expect(Number(row?.['n'])).toBeLessThanOrEqual(1_200)
  })
})

describe('approval requests', () => {
  const delivered = async (world: ApiWorld) => {
    const outcome = await call(world, 'risky', { n: Math.random() })
    if (outcome.status !== 'pending') throw new Error(outcome.status)
    return outcome
  }

  it('reach people through a webhook, and count as delivered once they are on their way', async () => {
    const world = await opened()
    const target = await listening((response) => void response.writeHead(500).end())
    await addWebhook(world, 'chat', target, { types: ['approval.'] })
    const { approval, delivered: channels } = await delivered(world)
    expect(channels).toEqual(['cloned.webhooks'])
    const [row] = await world.kernel
      .service(storeSlot)
      .all('select body from webhook_messages where webhook = $1 order by seq desc limit 1', 'chat')
    expect(JSON.parse(String(row?.['body']))).toMatchObject({ type: 'approval.requested', subject: approval.id })
    await until(() => target.received.some(({ event }) => event.subject === approval.id)).toBe(true)
  })

  it('count as delivered by no webhook that does not want them', async () => {
    const world = await opened()
    await addWebhook(world, 'ci', await listening(), { types: ['run.'] })
    expect((await delivered(world)).delivered).toEqual([])
  })
})

describe('a test message', () => {
  it('is sent at once and says whether it was taken', async () => {
    const world = await opened()
    let status = 200
    const target = await listening((response) => void response.writeHead(status).end())
    const key = await addWebhook(world, 'ci', target, { types: ['run.'] })
    expect((await world.post('/v1/webhooks/ci/test')).body.output).toEqual({ delivered: 1 })
    const [message] = target.received
    expect(message?.event.type).toBe('webhook.test')
    expect(message && verifies(message, key, world.now)).toBe(true)
    status = 500
    expect((await world.post('/v1/webhooks/ci/test')).body.output).toEqual({
      delivered: 0,
      problem: 'it answered with 500',
    })
  })
})

describe('the commands', () => {
  it('set a webhook up and take it down, each as a governed action', async () => {
    const world = await opened()
    let status = 500
    const target = await listening((response) => void response.writeHead(status).end())
    const run = async (...argv: string[]) => {
      const { code, out } = await runIn(defaultDistribution(), world.root, [
        ...['--workspace', world.root, '--json', 'webhooks'],
        ...argv,
      ])
      return { code, json: out === '' ? undefined : JSON.parse(out) }
    }
    const refused = await run('add', 'ci', target.url)
    expect(refused.code).toBe(3)
    expect(refused.json.help).toContain('cloned firewall allow 127.0.0.1 --tool cloned.webhook.ci@v1')
    await allowTarget(world, 'ci', target.port)
    const asked = await run('add', 'ci', target.url, '--type', 'tool.outcome,run.')
    expect(asked.code).toBe(4)
    await approve(world.kernel, asked.json.approval.id)
    expect((await run('list')).json.webhooks).toMatchObject([
      { name: 'ci', types: ['tool.outcome', 'run.'], public_key: expect.stringMatching(/^whpk_/), state: 'on' },
    ])
    const tested = await run('test', 'ci')
    expect([tested.code, tested.json.output.problem]).toEqual([1, 'it answered with 500'])
    status = 200
    expect((await run('test', 'ci')).code).toBe(0)
    expect((await run('replay', 'ci')).json).toEqual({ replayed: 0 })
    expect((await run('list', 'ci')).json).toEqual({ dead_letters: [] })
    expect((await run('remove', 'ci')).code).toBe(0)
    expect((await run('test', 'ci')).code).toBe(1)
  })
})
