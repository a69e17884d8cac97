import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toolId } from '../fixtures/runs-tools.js'
import { type OpenApi, operations } from '../plugins/api-document.js'
import { type ApiWorld, apiWorld, send } from '../plugins/api-fixture.js'
import { connected, encoded } from '../plugins/pairing-fixture.js'

let world: ApiWorld
beforeAll(async () => {
  world = await apiWorld()
})
afterAll(() => world.close())

const CALL = `/v1/tools/${toolId('echo')}/call`
const problem = (answer: { status: number; body: { code?: string } }) => [answer.status, answer.body.code]

describe('nothing is answered without proof', () => {
  const OPEN = new Set(['getHealth', 'getOpenapi'])

  it('every operation but two answers 401 without a token, and says no more than that', async () => {
    const all = operations((await world.api.document()) as unknown as OpenApi)
    for (const { method, path, operation } of all.filter((one) => !OPEN.has(one.operation.operationId))) {
      const answer = await send(world.address, method, `/v1${path.replace(/\{\w+\}/g, 'x')}`, { body: {} })
      expect([operation.operationId, ...problem(answer)]).toEqual([operation.operationId, 401, 'API_UNAUTHENTICATED'])
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
    }
    expect(all.length).toBeGreaterThan(20)
  })

  it.each([
    '/v1/nothing',
    '/',
    '/v1',
    '/v1/',
    '/v1/tools/',
    '/v1//tools',
    '/V1/tools',
    '/v1/../v1/tools',
    '/%76%31/tools',
    '*',
  ])('unknown paths (%s) are as closed as known ones', async (path) => {
    expect((await send(world.address, 'GET', path)).status).toBe(401)
  })

  it.each(['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND'])('%s is not a way in', async (method) => {
    expect([401, 404, 501]).toContain((await send(world.address, method, '/v1/tools')).status)
  })

  it.each([
    ['a wrong token', () => 'Bearer wrong'],
    ['an empty token', () => 'Bearer '],
    ['part of the token', (token: string) => `Bearer ${token.slice(0, -1)}`],
    ['the token and more', (token: string) => `Bearer ${token}x`],
    ['two tokens', (token: string) => `Bearer ${token} ${token}`],
    ['another scheme', (token: string) => `Basic ${Buffer.from(`x:${token}`).toString('base64')}`],
    ['no scheme', (token: string) => token],
    ['a list', (token: string) => `Bearer ${token}, Bearer ${token}`],
  ])('%s is no proof', async (_, authorization) => {
    const fresh = await apiWorld()
    const answer = await send(fresh.address, 'GET', '/v1/tools', {
      headers: { authorization: authorization(fresh.token) },
    })
    expect(problem(answer)).toEqual([401, 'API_UNAUTHENTICATED'])
    await fresh.close()
  })

  it('a token in the URL or in a cookie is no proof', async () => {
    const { token, address } = world
    expect((await send(address, 'GET', `/v1/tools?access_token=${token}`)).status).toBe(401)
    expect((await send(address, 'GET', '/v1/tools', { headers: { cookie: `token=${token}` } })).status).toBe(401)
  })

  it('guesses are slowed down, and the owner is never kept out by them', async () => {
    const fresh = await apiWorld()
    const guess = () => send(fresh.address, 'GET', '/v1/tools', { token: 'guess' })
    for (let i = 0; i < 11; i++) expect((await guess()).status).toBe(401)
    const locked = await guess()
    expect(problem(locked)).toEqual([429, 'API_LOCKED_OUT'])
    expect(Number(locked.headers['retry-after'])).toBeGreaterThan(0)
    expect((await fresh.get('/v1/tools')).status).toBe(200)
    fresh.now += 61_000
    expect((await guess()).status).toBe(401)
    await fresh.close()
  })

  it('guesses at one device or scheme keep no other device of the same address out', async () => {
    const fresh = await apiWorld()
    const device = await connected(fresh, ['tools:read'])
    const headers = (authorization: string) => ({ headers: { authorization } })
    const [, claims = ''] = device.token.split('.')
    const tries = [
      'Bearer guess',
      'Pairing 0000-0000-0000',
      'Device dev_000000000000',
      `DPoP ${encoded({ alg: 'none' })}.e30.x`,
    ]
    for (const text of tries) {
      for (let i = 0; i < 12; i++) await send(fresh.address, 'GET', '/v1/tools', headers(text))
      expect(problem(await send(fresh.address, 'GET', '/v1/tools', headers(text)))).toEqual([429, 'API_LOCKED_OUT'])
    }
    expect((await device.as('GET', '/v1/tools')).status).toBe(200)
    // Whoever knows what its token says can slow it down, from its own address, for a minute.
    for (let i = 0; i < 12; i++) await send(fresh.address, 'GET', '/v1/tools', headers(`DPoP x.${claims}.x`))
    expect((await device.as('GET', '/v1/tools')).status).toBe(429)
    await fresh.close()
  })

  it('too many requests of one client are refused until a minute has passed', async () => {
    const fresh = await apiWorld({ config: { 'cloned.api': { per_minute: 3 } } })
    for (let i = 0; i < 3; i++) expect((await fresh.get('/v1/tools')).status).toBe(200)
    const refused = await fresh.get('/v1/tools')
    expect(problem(refused)).toEqual([429, 'API_RATE'])
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    await fresh.close()
  })
})

describe('other sites get nothing', () => {
  it.each([
    'evil.example',
    'evil.example:PORT',
    '127.0.0.1',
    '127.0.0.1:1',
    '127.0.0.1.evil.example:PORT',
    'localhost.evil.example:PORT',
    '0.0.0.0:PORT',
    '2130706433:PORT',
    'localhost:PORT@evil.example',
    'localhost:PORT.',
    '[::ffff:127.0.0.1]:PORT',
  ])('a name that was pointed at this address (Host: %s) is not answered to, token or not', async (host) => {
    const named = host.replace('PORT', new URL(world.address).port)
    const answer = await world.get('/v1/tools', { headers: { host: named } })
    expect(problem(answer)).toEqual([403, 'API_HOST'])
    const open = await world.get('/v1/healthz', { token: null, headers: { host: named } })
    expect(problem(open)).toEqual([403, 'API_HOST'])
  })

  it.each(['127.0.0.1', 'localhost', 'LOCALHOST', '[::1]'])('%s is answered to', async (name) => {
    const host = `${name}:${new URL(world.address).port}`
    expect((await world.get('/v1/tools', { headers: { host } })).status).toBe(200)
  })

  it.each(['https://evil.example', 'null', 'http://localhost', 'file://', 'http://127.0.0.1'])(
    'a page of %s may not ask, token or not, and is told of no permission',
    async (origin) => {
      const answer = await world.get('/v1/tools', { headers: { origin } })
      expect(problem(answer)).toEqual([403, 'API_ORIGIN'])
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
      const preflight = await world.ask('OPTIONS', '/v1/tools', {
        token: null,
        headers: { origin, 'access-control-request-method': 'POST' },
      })
      expect(problem(preflight)).toEqual([403, 'API_ORIGIN'])
    },
  )

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json-seq',
    'text/json',
  ])('what a form can send (%s) is not read', async (type) => {
    const answer = await world.post(CALL, { input: {} }, { headers: { 'content-type': type } })
    expect(answer.status).toBe(415)
  })

  it('no answer may be framed, sniffed or scripted', async () => {
    for (const path of ['/v1/healthz', '/v1/tools', '/v1/nothing']) {
      const { headers } = await world.get(path)
      expect(headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
      expect(headers['x-content-type-options']).toBe('nosniff')
      expect(headers['referrer-policy']).toBe('no-referrer')
      expect(headers['cross-origin-resource-policy']).toBe('same-origin')
      expect(headers['access-control-allow-origin']).toBeUndefined()
      expect(headers['set-cookie']).toBeUndefined()
    }
  })
})

describe('bodies that are made to hurt', () => {
  const deep = (open: string, close: string, n: number) => open.repeat(n) + close.repeat(n)
  it.each([
    ['not JSON', '{', 400],
    ['a number', '1', 400],
    ['a list', '[]', 400],
    ['null', 'null', 400],
    ['a prototype', '{"input":{"__proto__":{"x":1}}}', 400],
    ['a constructor', '{"input":{"constructor":{"prototype":{"x":1}}}}', 400],
    ['lists 100,000 deep', `{"input":{"a":${deep('[', ']', 100_000)}}}`, 400],
    ['objects 50,000 deep', `{"input":${deep('{"a":', '}', 50_000).replace('a":}', 'a":1}')}}`, 400],
    ['brackets in a string', JSON.stringify({ input: { a: '[{'.repeat(1000), b: '"]\\' } }), 200],
    ['half a surrogate pair', '{"input":{"a":"\\ud800"}}', 403],
    ['an unknown key', '{"input":{},"more":1}', 400],
    ['a number too large', '{"input":{"a":1e999}}', 403],
    ['an actor of another shape', '{"input":{},"actor":"../../x"}', 403],
  ])('%s', async (_, raw, status) => {
    for (const headers of [{}, { 'idempotency-key': `deep${Math.random()}` }]) {
      const answer = await world.ask('POST', CALL, { raw, headers })
      expect(answer.status, answer.text.slice(0, 300)).toBe(status)
    }
  })

  it('one that is larger than the route takes is refused', async () => {
    const big = JSON.stringify({ pipeline: 'x'.repeat(2 * 1024 * 1024) })
    expect((await world.ask('POST', '/v1/runs', { raw: big })).status).toBe(413)
  })
})

/** What a server says on a raw connection until it is quiet for a moment or closes it. */
function raw(bytes: string, { end = false }: { end?: boolean } = {}): Promise<string> {
  const { hostname, port } = new URL(world.address)
  return new Promise((resolve) => {
    let heard = ''
    const socket = connect(Number(port), hostname, () => (end ? socket.end(bytes) : socket.write(bytes)))
    socket.on('data', (piece) => {
      heard += piece.toString()
    })
    socket.on('error', () => resolve(heard))
    socket.on('close', () => resolve(heard))
    socket.setTimeout(400, () => socket.destroy())
  })
}

describe('raw connections', () => {
  const host = () => `Host: ${new URL(world.address).host}\r\n`
  const auth = () => `Authorization: Bearer ${world.token}\r\n`

  it.each([
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}'],
    [
      'a length and chunks',
      'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/tools HTTP/1.1\r\n\r\n',
    ],
    ['chunks spelled oddly', 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    ['chunks twice', 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
    ['a space before the colon', 'Content-Length : 2\r\n\r\n{}'],
    ['a folded header', 'X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}'],
    ['a negative length', 'Content-Length: -1\r\n\r\n'],
    ['a null byte in a header', 'X: a\0b\r\n\r\n'],
  ])('a request with %s is refused, and no second one is read out of it', async (_, rest) => {
    const heard = await raw(
      `POST /v1/audit/verify HTTP/1.1\r\n${host()}${auth()}Content-Type: application/json\r\n${rest}`,
    )
    expect(heard).not.toMatch(/^HTTP\/1\.1 (2|5)/m)
    expect((heard.match(/^HTTP\/1\.1/gm) ?? []).length).toBeLessThanOrEqual(1)
  })

  it.each([
    ['no Host', 'GET /v1/tools HTTP/1.1\r\n\r\n'],
    ['two Hosts', `GET /v1/tools HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n`],
    ['another host in the target', 'GET http://evil.example/v1/tools HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
    ['HTTP/0.9', 'GET /v1/tools\r\n'],
    ['something else', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['an endless header', `GET /v1/tools HTTP/1.1\r\nX: ${'a'.repeat(200_000)}\r\n\r\n`],
    ['endless headers', `GET /v1/tools HTTP/1.1\r\n${'X: a\r\n'.repeat(20_000)}\r\n`],
    ['CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n'],
    ['an upgrade', `GET /v1/tools HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`],
  ])('%s', async (_, bytes) => {
    expect(await raw(bytes)).not.toMatch(/^HTTP\/1\.1 (2|5)/m)
  })

  it('a client that ends in the middle of a request harms nobody', async () => {
    await raw(
      `POST ${CALL} HTTP/1.1\r\n${host()}${auth()}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"in`,
      { end: true },
    )
    expect((await world.get('/v1/tools')).status).toBe(200)
  })

  it('many clients that never finish their request keep nobody else out', async () => {
    const { hostname, port } = new URL(world.address)
    const slow = await Promise.all(
      Array.from(
        { length: 500 },
        () =>
          new Promise<ReturnType<typeof connect>>((resolve) => {
            const socket = connect(Number(port), hostname, () => {
              socket.write(`POST ${CALL} HTTP/1.1\r\n`)
              resolve(socket)
            })
            socket.on('error', () => {})
          }),
      ),
    )
    expect((await world.get('/v1/tools')).status).toBe(200)
    for (const socket of slow) socket.destroy()
  })
})

describe('secrets', () => {
  it('no answer to anything above held the token', async () => {
    const state = (path: string) => readFileSync(join(world.root, '.cloned', path), 'utf8')
    expect(state('api.json')).not.toContain(world.token)
    expect(state('audit.log')).not.toContain(world.token)
    for (const path of [
      '/v1/openapi.json',
      '/v1/plugins',
      '/v1/doctor',
      '/v1/workspace',
      '/v1/metrics',
      '/v1/audit?limit=1000',
    ]) {
      expect((await world.get(path)).text).not.toContain(world.token)
    }
  })
})
