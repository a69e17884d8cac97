import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { approvalsSlot, gateSlot } from 'cloned/kernel'
import type { Principal, Scope } from 'cloned/plugins/api'
import { storeSlot } from 'cloned/plugins/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Readers } from '../../plugins/events/readers.js'
import { toolId } from '../fixtures/runs-tools.js'
import { type ApiWorld, apiWorld, send } from '../plugins/api-fixture.js'
import { newKey, paired, proofOf } from '../plugins/pairing-fixture.js'

let world: ApiWorld
const servers: Server[] = []
beforeAll(async () => {
  world = await apiWorld()
})
afterAll(async () => {
  for (const server of servers) server.close()
  await world.close()
})

/** The address of a host that lets everybody in as this user. */
async function hostOf(user: string, ...scopes: Scope[]): Promise<string> {
  const actor = world.kernel.service(gateSlot).actor({ id: `user:${user}`, osUser: '' })
  const principal: Principal = { actor, scopes: new Set(scopes), via: 'host' }
  const server = createServer((request, response) => void world.api.handle(request, response, principal))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const call = (tool: 'echo' | 'risky') => `/v1/tools/${toolId(tool)}/call`

describe('an approval over HTTP', () => {
  /** A call that a host's user has asked for and that another person has approved. */
  async function approved(address: string): Promise<string> {
    const { body } = await send(address, 'POST', call('risky'), { body: { input: { n: 1 } } })
    const by = world.kernel.service(gateSlot).actor({ id: 'user:bob', osUser: 'bob' })
    await world.kernel.service(approvalsSlot).decide(body.approval_id, { verdict: 'approve', by, proven: true })
    return body.approval_id
  }
  const resume = (address: string, approval: string, tool: 'echo' | 'risky' = 'risky') =>
    send(address, 'POST', call(tool), { body: { input: {}, approval } })

  it('is used by whoever asked, and by nobody else who may call tools', async () => {
    const [ada, eve] = [await hostOf('ada', 'tools:call'), await hostOf('eve', 'tools:call')]
    const approval = await approved(ada)
    const before = world.effects.length
    const stolen = await resume(eve, approval)
    expect([stolen.status, stolen.body.code, world.effects.length]).toEqual([404, 'APPROVAL_UNKNOWN', before])
    expect((await resume(ada, approval)).status).toBe(200)
  })

  it('is used by the owner of the workspace, whoever asked', async () => {
    const approval = await approved(await hostOf('ada', 'tools:call'))
    expect((await resume(world.address, approval)).status).toBe(401)
    expect((await world.post(call('risky'), { input: {}, approval })).status).toBe(200)
  })

  it('is not used under the name of another tool', async () => {
    const ada = await hostOf('ada', 'tools:call')
    const approval = await approved(ada)
    const other = await resume(ada, approval, 'echo')
    expect([other.status, other.body.code]).toEqual([404, 'APPROVAL_UNKNOWN'])
  })
})

describe('Idempotency-Key', () => {
  it.each([
    ['is too long to keep', () => ({ text: 'x'.repeat(300_000) })],
    [
      'was an error of the server',
      () => {
        throw new Error('the disk is gone')
      },
    ],
  ])('a write whose answer %s is not run again', async (what, effect) => {
    const before = world.effects.length
    world.effect = effect
    const again = () => world.post(call('echo'), { input: {} }, { headers: { 'idempotency-key': encodeURI(what) } })
    await again()
    await again()
    world.effect = (_, input) => input
    expect(world.effects.length - before).toBe(1)
  })

  it('of another user of the same name has nothing to do with the own one', async () => {
    const { id } = world.kernel.service(gateSlot).actor()
    const before = world.effects.length
    const headers = { 'idempotency-key': 'same' }
    const own = await world.post(call('echo'), { input: {} }, { headers })
    const address = await hostOf(id.slice('user:'.length), 'tools:call')
    const other = await send(address, 'POST', call('echo'), { body: { input: {} }, headers })
    expect([own.status, other.status, world.effects.length - before]).toEqual([200, 200, 2])
    expect(other.body.call_id).not.toBe(own.body.call_id)
  })

  it('keeps no access token', async () => {
    const device = await paired(world)
    const path = '/v1/token'
    const headers = {
      authorization: `Device ${device.id}`,
      dpop: proofOf(world, device.key, { method: 'POST', path, credentials: device.id }),
      'idempotency-key': 'for-a-token',
    }
    const { body } = await send(world.address, 'POST', path, { body: {}, headers })
    expect(body.access_token).toMatch(/^eyJ/)
    const rows = await world.kernel.service(storeSlot).all('select body from api_requests')
    expect(JSON.stringify(rows)).not.toContain(body.access_token)
  })
})

describe('a request that is not written as browsers and clients write it', () => {
  /** What comes back for these bytes. */
  const raw = (lines: readonly string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(world.address).port), '127.0.0.1')
      let text = ''
      socket.on('data', (bytes) => {
        text += bytes
        if (text.includes('\r\n\r\n')) socket.end()
      })
      socket.on('error', reject)
      socket.on('close', () => resolve(text))
      socket.write([...lines, '', ''].join('\r\n'))
    })
  const host = () => `Host: ${new URL(world.address).host}`
  const owner = () => `Authorization: Bearer ${world.token}`

  it.each([
    ['a whole URL', 'GET http://evil.example/v1/tools'],
    ['its own URL', 'GET http://127.0.0.1/v1/tools'],
    ['a star', 'GET *'],
    ['a broken escape', 'GET /v1/%zz'],
    ['a parameter of endless length', `GET /v1/tools/${'a'.repeat(600)}`],
  ])('the target %s is refused as a problem, proven or not', async (_, line) => {
    const key = newKey()
    const proof = proofOf(world, key, { method: 'GET', path: '/v1/tools', credentials: 'dev_000000000000' })
    const device = ['Authorization: Device dev_000000000000', `DPoP: ${proof}`]
    for (const proven of [[owner()], device, []]) {
      const answer = await raw([`${line} HTTP/1.1`, host(), ...proven])
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
      expect(answer).toMatch(/content-type: application\/problem\+json/)
      expect(answer).toMatch(/x-content-type-options: nosniff/)
    }
  })

  it('two Host headers are one too many', async () => {
    const two = await raw(['GET /v1/healthz HTTP/1.1', host(), 'Host: evil.example'])
    expect(two).toMatch(/^HTTP\/1\.1 403 /)
    expect(await raw(['GET /v1/healthz HTTP/1.1', host()])).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('HEAD of the event stream ends', async () => {
    const answer = await raw(['HEAD /v1/events HTTP/1.1', host(), owner(), 'Accept: text/event-stream'])
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe('whoever floods the server', () => {
  let busy: ApiWorld
  beforeAll(async () => {
    busy = await apiWorld({ config: { 'cloned.api': { per_minute: 20, stalled_s: 1 } } })
  })
  afterAll(() => busy.close())

  it('without a proof does not keep the owner out', async () => {
    const flood = await Promise.all(Array.from({ length: 30 }, () => busy.get('/v1/tools', { token: null })))
    expect(flood.filter(({ status }) => status === 429).length).toBe(10)
    expect((await busy.get('/v1/tools', { token: 'wrong' })).status).toBe(429)
    expect((await busy.get('/v1/tools')).status).toBe(200)
  })

  it('is cut off when it asks for much and does not read it', async () => {
    busy.effect = () => ({ text: 'x'.repeat(8 * 1024 * 1024) })
    const body = JSON.stringify({ input: {} })
    const closed = new Promise<boolean>((resolve) => {
      const hear = (message: unknown) => {
        unsubscribe('http.server.request.start', hear)
        const { socket } = message as { readonly socket: Socket }
        socket.once('close', () => resolve(true))
      }
      subscribe('http.server.request.start', hear)
    })
    const { host, port } = new URL(busy.address)
    const socket = connect(Number(port), '127.0.0.1')
    const head = [`POST ${call('echo')} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${busy.token}`]
    socket.write([...head, 'Content-Type: application/json', `Content-Length: ${body.length}`, '', body].join('\r\n'))
    socket.pause()
    expect(await closed).toBe(true)
    socket.destroy()
  })
})

describe('a page of another site', () => {
  const from = (site: string, mode: string, dest: string) =>
    world.get('/v1/healthz', {
      token: null,
      headers: { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest },
    })

  it.each([
    ['an image', 'cross-site', 'no-cors', 'image'],
    ['a request in the dark', 'cross-site', 'no-cors', 'empty'],
    ['a request from another port', 'same-site', 'no-cors', 'empty'],
    ['a frame', 'cross-site', 'navigate', 'iframe'],
  ])('gets nothing by %s', async (_, site, mode, dest) => {
    const { status, body } = await from(site, mode, dest)
    expect([status, body.code]).toEqual([403, 'API_ORIGIN'])
  })

  it('may link to the reference', async () => {
    expect((await from('cross-site', 'navigate', 'document')).status).toBe(200)
    expect((await from('same-origin', 'cors', 'empty')).status).toBe(200)
    expect((await from('none', 'navigate', 'document')).status).toBe(200)
  })
})

describe('behind a trusted proxy', () => {
  const served = async (trustedProxy: string) => {
    const { root } = world
    const proxied = await apiWorld({ root, listen: { host: '0.0.0.0', names: ['api.example'], trustedProxy } })
    const address = proxied.address.replace('0.0.0.0', '127.0.0.1')
    try {
      return await send(address, 'GET', '/v1/healthz', { headers: { host: 'api.example' } })
    } finally {
      await proxied.close()
    }
  }

  it('the proxy is answered, and nobody else', async () => {
    expect((await served('127.0.0.1')).status).toBe(200)
    await expect(served('10.0.0.1')).rejects.toThrow(/hang up|ECONNRESET/)
  })

  it.each(['loopback', 'proxy.example', '10.0.0.0/8', ''])('%o is no address of a proxy', async (proxy) => {
    await expect(served(proxy)).rejects.toMatchObject({ code: 'API_PUBLIC' })
  })
})

it('a reader who may read no more does not join a stream', async () => {
  const here = { first: 1, last: 7 }
  const readers = new Readers(
    { takeIn: async () => {}, range: async () => here, read: async () => ({ events: [], next: here.last }) },
    { heartbeatMs: 60_000, lifeMs: 60_000, maxWaiting: 1, log: { error: () => {} } },
  )
  const connection = new PassThrough()
  await readers.add({ connection, types: [], after: here.last, mayRead: async () => false })
  expect([connection.destroyed, readers.size]).toEqual([true, 0])
  await readers.close()
})
