import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { bearer, createClient, createDeviceKey, device, isPending, isProblem, PairingError, pair } from 'cloned/client'
import { build } from 'esbuild'
import { calculateJwkThumbprint, importJWK, jwtVerify } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { comparisonCode } from '../../plugins/pairing/codes.js'
import { toolId } from '../fixtures/runs-tools.js'
import { type ApiWorld, apiWorld, PIPELINE, send } from './api-fixture.js'
import { approve, invite } from './pairing-fixture.js'

describe('the client and the server', () => {
  let world: ApiWorld
  beforeAll(async () => {
    world = await apiWorld()
  })
  afterAll(() => world.close())
  const client = () => createClient({ url: world.address, authorize: bearer(world.token) })

  it('reads, calls and runs with the types of the document', async () => {
    const { data } = await client().GET('/tools', { params: { query: { limit: 1 } } })
    expect(data?.tools).toHaveLength(1)
    const called = await client().POST('/tools/{id}/call', {
      params: { path: { id: toolId('echo') } },
      body: { input: { said: 'hello' } },
    })
    expect(called.data).toMatchObject({ status: 'done', output: { said: 'hello' } })
    const run = await client().POST('/runs', { body: { pipeline: PIPELINE }, headers: { prefer: 'wait=20' } })
    expect(run.data).toMatchObject({ state: 'done' })
  })

  it('tells what waits for a person from what is done', async () => {
    const path = { id: toolId('risky') }
    const { data, response } = await client().POST('/tools/{id}/call', { params: { path }, body: { input: {} } })
    expect([response.status, isPending(data)]).toEqual([202, true])
    expect(isPending((await client().GET('/tools')).data)).toBe(false)
  })

  it('answers problems as values, never as exceptions', async () => {
    const { error, data } = await client().GET('/runs/{id}', { params: { path: { id: 'none' } } })
    expect([data, isProblem(error), isProblem(error) && error.code]).toEqual([undefined, true, 'RUN_UNKNOWN'])
    const stranger = createClient({ url: world.address, authorize: (request) => request })
    expect((await stranger.GET('/tools')).error).toMatchObject({ code: 'API_UNAUTHENTICATED' })
  })

  it('throws only when no answer came', async () => {
    const nowhere = createClient({ url: 'http://127.0.0.1:9', authorize: bearer('x') })
    await expect(nowhere.GET('/tools')).rejects.toThrow()
  })
})

describe('the token', () => {
  let world: ApiWorld
  /** Another program on the port that a killed server has left, and all that it was sent. */
  let thief: Server
  let answer: (request: IncomingMessage) => Promise<readonly [status: number, body: string]>
  const heard: string[] = []
  beforeAll(async () => {
    world = await apiWorld()
    thief = createServer((request, response) => {
      heard.push(JSON.stringify([request.url, request.rawHeaders]))
      void answer(request).then(([status, body]) => {
        response.writeHead(status, { 'content-type': 'application/json', location: `${world.address}${request.url}` })
        response.end(body)
      })
    })
    await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve))
  })
  afterAll(async () => {
    thief.close()
    await world.close()
  })
  const stale = () => `http://127.0.0.1:${(thief.address() as AddressInfo).port}`
  const relayed = (host: string) => async (request: IncomingMessage) => {
    const { status, text } = await send(world.address, 'GET', request.url ?? '', { headers: { host } })
    return [status, text] as const
  }

  it.each([
    ['answers everything with 200', async () => [200, '{"status":"ok"}'] as const],
    ['answers what is no JSON', async () => [200, 'hello'] as const],
    [
      'echoes the challenge',
      async ({ url = '' }: IncomingMessage) => [200, `{"proof":"${url.split('=')[1]}"}`] as const,
    ],
    ['asks the real server', async (request: IncomingMessage) => relayed(new URL(world.address).host)(request)],
    ['asks it under its own name', async (request: IncomingMessage) => relayed(new URL(stale()).host)(request)],
    ['sends the client on to it', async () => [307, ''] as const],
  ])('does not go to a program on the old port that %s', async (_, answers) => {
    answer = answers
    heard.splice(0)
    const client = createClient({ url: stale(), authorize: bearer(world.token) })
    await expect(client.GET('/tools')).rejects.toThrow()
    const feed = client.events({ retryMs: 1, signal: AbortSignal.timeout(200) }).next()
    await feed.catch((error: Error) => expect(error.name).toBe('ServerError'))
    expect(heard.length).toBeGreaterThan(0)
    expect(heard.join()).not.toContain(world.token)
    expect(heard.join()).not.toMatch(/bearer/i)
  })

  it('goes there however often others at the same address have asked', async () => {
    const busy = await apiWorld({ config: { 'cloned.api': { per_minute: 3 } } })
    const stranger = () => send(busy.address, 'GET', '/v1/tools')
    for (let i = 0; i < 3; i++) expect((await stranger()).status).toBe(401)
    expect((await stranger()).status).toBe(429)
    const client = createClient({ url: busy.address, authorize: bearer(busy.token) })
    expect((await client.GET('/tools')).response.status).toBe(200)
    await busy.close()
  })

  it('goes to a server that knows it, asked under the name it was asked by', async () => {
    const port = new URL(world.address).port
    const client = createClient({ url: `http://localhost:${port}`, authorize: bearer(world.token) })
    expect((await client.GET('/workspace')).response.status).toBe(200)
    await expect(createClient({ url: world.address, authorize: bearer('wrong') }).GET('/tools')).rejects.toMatchObject({
      name: 'ServerError',
    })
  })
})

describe('the event feed', () => {
  let server: Server
  /** What each connection in turn says before it is cut, and what it was asked for. */
  let script: readonly (readonly [status: number, text: string])[] = []
  const asked: { url: string | undefined; after: string | string[] | undefined }[] = []

  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push({ url: request.url, after: request.headers['last-event-id'] })
      const [status, text] = script[asked.length - 1] ?? [204, '']
      response.writeHead(status, { 'content-type': 'text/event-stream' })
      // In pieces that end anywhere, in the middle of a letter too.
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7))
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterEach(() => void asked.splice(0))
  afterAll(() => server.close())

  const said = (id: number, type = 'run.ended') =>
    `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ specversion: '1.0', id: String(id), type, source: 'x', data: 'grüße' })}\n\n`
  const feed = (filter = {}) =>
    createClient({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      authorize: (request) => request,
    }).events({ retryMs: 1, ...filter })

  it('goes on after the last event that was read when it is cut off, and repeats none', async () => {
    script = [
      [200, `: hello\n\n${said(1)}${said(2)}id: 3\nda`],
      [503, 'busy'],
      [200, said(3)],
      [200, `retry: 5\n\n${said(4).replaceAll('\n', '\r\n')}`],
    ]
    const seen: string[] = []
    for await (const event of feed({ types: ['run.', 'a&b'] })) {
      expect(event.data).toBe('grüße')
      if (seen.push(event.id) === 4) break
    }
    expect(seen).toEqual(['1', '2', '3', '4'])
    expect(asked.map(({ after }) => after)).toEqual([undefined, '2', '2', '3'])
    expect(new Set(asked.map(({ url }) => url))).toEqual(new Set(['/v1/events?type=run.&type=a%26b']))
  })

  it('starts after the event that the caller has seen', async () => {
    script = [[200, said(8)]]
    for await (const { id } of feed({ after: '7' })) {
      expect(id).toBe('8')
      break
    }
    expect(asked).toEqual([{ url: '/v1/events', after: '7' }])
  })

  it('a refusal ends it with an error, since asking again would not help', async () => {
    script = [[403, '{"code":"API_SCOPE"}']]
    await expect(feed().next()).rejects.toMatchObject({ name: 'FeedError', status: 403 })
    expect(asked).toHaveLength(1)
  })

  it('an abort ends it without an error', async () => {
    script = Array.from({ length: 1000 }, () => [503, ''] as const)
    const gone = new AbortController()
    const next = feed({ signal: gone.signal }).next()
    gone.abort()
    expect(await next).toEqual({ done: true, value: undefined })
  })
})

describe('a device', () => {
  /** Answers like a server, and keeps what was sent. */
  function fake(answers: (path: string) => readonly [status: number, body: object]) {
    const sent: Request[] = []
    const send = async (request: unknown) => {
      sent.push(request as Request)
      const [status, body] = answers(new URL((request as Request).url).pathname)
      return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
    }
    return { sent, fetch: send as typeof fetch }
  }
  const access = (token: string, seconds: number) =>
    [200, { access_token: token, token_type: 'DPoP', expires_in: seconds, scope: '' }] as const

  it('proves each request by its key: method, URL without query, time, token; as another library reads it', async () => {
    const key = await createDeviceKey()
    const { sent, fetch } = fake((path) => (path === '/v1/token' ? access('the-access-token', 600) : [200, {}]))
    const url = 'https://cloned.example'
    const client = createClient({ url, authorize: device({ url, key, fetch }, 'dev_1'), fetch })
    await Promise.all([1, 2].map((limit) => client.GET('/tools', { params: { query: { limit } } })))
    const seen = await Promise.all(
      sent.map(async ({ headers }) => {
        const jwk = await importJWK(key.publicJwk, 'EdDSA')
        const { payload, protectedHeader } = await jwtVerify(headers.get('dpop') ?? '', jwk)
        expect(protectedHeader).toMatchObject({ typ: 'dpop+jwt', alg: 'EdDSA' })
        expect(await calculateJwkThumbprint(protectedHeader.jwk ?? {})).toBe(
          await calculateJwkThumbprint(key.publicJwk),
        )
        return { ...payload, authorization: headers.get('authorization') }
      }),
    )
    const ath = (text: string) => createHash('sha256').update(text).digest('base64url')
    const read = { authorization: 'DPoP the-access-token', htm: 'GET', htu: `${url}/v1/tools` }
    expect(seen).toMatchObject([
      { authorization: 'Device dev_1', htm: 'POST', htu: `${url}/v1/token`, ath: ath('dev_1') },
      { ...read, ath: ath('the-access-token') },
      { ...read, ath: ath('the-access-token') },
    ])
    expect(new Set(seen.map((one) => ('jti' in one ? one.jti : ''))).size).toBe(3)
  })

  it('fetches another token when the last one is about to end, or could not be had', async () => {
    const key = await createDeviceKey()
    const refusal = [401, { code: 'API_UNAUTHENTICATED', detail: 'no.', help: 'Pair it.' }] as const
    const answers = [refusal, access('short', 29), access('long', 600)]
    const { sent, fetch } = fake((path) => (path === '/v1/token' ? (answers.shift() ?? refusal) : [200, {}]))
    const url = 'https://cloned.example'
    const client = createClient({ url, authorize: device({ url, key, fetch }, 'dev_1'), fetch })
    await expect(client.GET('/tools')).rejects.toMatchObject({ problem: { code: 'API_UNAUTHENTICATED' } })
    for (let i = 0; i < 3; i++) await client.GET('/tools')
    const used = sent.map(({ headers }) => headers.get('authorization')).filter((one) => one?.startsWith('DPoP'))
    expect(used).toEqual(['DPoP short', 'DPoP long', 'DPoP long'])
  })

  it('shows the code that follows from its own key, whatever it is told', async () => {
    const key = await createDeviceKey()
    const { fetch } = fake(() => [201, { id: 'dev_k3v7q2m4x5zt', name: 'Phone', code: 'AAAA-AAAA' }])
    const { code } = await pair({ url: 'https://cloned.example', key, fetch }, 'K3V7', { name: 'Phone' })
    const thumbprint = await calculateJwkThumbprint(key.publicJwk)
    expect(code).toBe(comparisonCode(thumbprint, 'dev_k3v7q2m4x5zt'))
  })

  it('is paired by an invitation and a person, and is out at once when it is revoked', async () => {
    const world = await apiWorld()
    try {
      const options = { url: world.address, key: await createDeviceKey() }
      await expect(pair(options, 'AAAA-AAAA-AAAA-AAAA', { name: 'Phone' })).rejects.toThrow(PairingError)
      const { id, code } = await pair(options, await invite(world), { name: 'Phone' })
      const client = createClient({ url: world.address, authorize: device(options, id) })
      await expect(client.GET('/tools')).rejects.toMatchObject({ problem: { code: 'PAIRING_PENDING' } })
      await approve(world, code)
      expect((await client.GET('/tools')).data?.tools.length).toBeGreaterThan(0)
      expect((await client.GET('/workspace')).error).toMatchObject({ code: 'API_SCOPE' })
      const { body } = await world.post(`/v1/pairings/${id}/revoke`)
      if (body.approval_id) await world.post(`/v1/approvals/${body.approval_id}/decide`, { verdict: 'approve' })
      expect((await client.GET('/tools')).error).toMatchObject({ code: 'API_UNAUTHENTICATED' })
    } finally {
      await world.close()
    }
  })

  it('its key cannot be taken out unless that was asked for', async () => {
    const { privateKey } = await createDeviceKey()
    await expect(crypto.subtle.exportKey('jwk', privateKey)).rejects.toThrow()
  })
})

describe('as a browser gets it', () => {
  it('it bundles without anything of Node and stays under 15 KB compressed', async () => {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL('../../client/index.ts', import.meta.url))],
      bundle: true,
      minify: true,
      write: false,
      format: 'esm',
      platform: 'browser',
    })
    const [bundle] = outputFiles
    expect(bundle?.text).not.toMatch(/node:|process\.env|\brequire\(/)
    expect(gzipSync(bundle?.contents ?? '').length).toBeLessThan(15 * 1024)
  })
})
