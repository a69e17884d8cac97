// The egress proxy as a connector meets it: tunnels, plain requests, what is recorded, and how they end.
import { existsSync, statSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { dirname } from 'node:path'
import { createKernel } from 'cloned/kernel'
import { egressConnect, egressProxyPlugin, egressProxySlot } from 'cloned/plugins/egress-proxy'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { defaultDistribution } from '../../plugins/default.js'
import {
  askTunnel,
  type Certificate,
  CONNECTOR,
  certificate,
  dialDoor,
  getThrough,
  type ProxyWorld,
  proxyWorld,
  speak,
  tlsServer,
  tlsThrough,
  type WorldOptions,
} from './egress-proxy-fixture.js'
import { httpServer, LOOPBACK, type LoopbackServer } from './firewall-fixture.js'

let cert: Certificate
beforeAll(() => {
  cert = certificate('a.test', 'b.test', '127.0.0.1')
})

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function world(options: WorldOptions = {}): Promise<ProxyWorld> {
  const made = await proxyWorld({ zone: { 'a.test': [['127.0.0.1']], 'b.test': [['127.0.0.1']] }, ...options })
  open.push(made)
  return made
}

async function secure(): Promise<LoopbackServer> {
  const made = await tlsServer(cert, (request, response) => {
    if (request.url === '/slow') response.write('half')
    else response.end(`hello ${request.url}`)
  })
  open.push(made)
  return made
}

async function plain(...given: Parameters<typeof httpServer>): Promise<LoopbackServer> {
  const made = await httpServer(...given)
  open.push(made)
  return made
}

const local = (port: number, more: object = {}) => ({ host: 'a.test', ports: [port], addresses: LOOPBACK, ...more })
const http = (port: number, more: object = {}) => local(port, { schemes: ['http' as const], ...more })
const get = (port: number, path = '/', more = '') =>
  `GET http://a.test:${port}${path} HTTP/1.1\r\nHost: a.test:${port}\r\n${more}\r\n`

/** A tunnel to `a.test` that has carried a response. */
async function tunnel(w: ProxyWorld, port: number, path = '/') {
  const door = await w.open()
  const { status, socket } = await askTunnel(door, `a.test:${port}`)
  expect(status).toBe(200)
  const tls = await tlsThrough(socket, { servername: 'a.test', ca: cert.cert })
  tls.on('error', () => undefined)
  tls.write(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`)
  await new Promise((resolve) => tls.once('data', resolve))
  return { door, socket, tls, closed: new Promise<void>((resolve) => socket.once('close', () => resolve())) }
}

describe('a tunnel', () => {
  it('to an allowed host carries TLS with that host', async () => {
    const [w, server] = [await world(), await secure()]
    w.allow(local(server.port))
    const { status, socket } = await askTunnel(await w.open(), `A.test:${server.port}`)
    expect(status).toBe(200)
    const tls = await tlsThrough(socket, { servername: 'a.test', ca: cert.cert })
    expect(await getThrough(tls, 'a.test', '/x')).toContain('hello /x')
    expect(server.requests).toEqual(['GET a.test /x'])
  })

  it('works through a socket that only this user reaches, as through a port', async () => {
    const [w, server] = [await world(), await secure()]
    w.allow(local(server.port))
    const { socket: path = '', port, close } = await w.open({ port: false })
    expect(port).toBeUndefined()
    expect([statSync(path).mode & 0o777, statSync(dirname(path)).mode & 0o777]).toEqual([0o600, 0o700])
    const { socket } = await askTunnel({ socket: path, close }, `a.test:${server.port}`)
    const tls = await tlsThrough(socket, { servername: 'a.test', ca: cert.cert })
    expect(await getThrough(tls, 'a.test')).toContain('hello')
    await close()
    await close()
    expect(existsSync(dirname(path))).toBe(false)
  })

  it('is asked for in HTTP/1.0 without Host by clients in wide use', async () => {
    const [w, server] = [await world(), await secure()]
    w.allow(local(server.port))
    const authority = `a.test:${server.port}`
    const { status, socket } = await askTunnel(await w.open(), authority, `CONNECT ${authority} HTTP/1.0\r\n\r\n`)
    expect(status).toBe(200)
    socket.destroy()
  })

  it('to an address that a rule names carries TLS without a name, and none with one', async () => {
    const [w, server] = [await world(), await secure()]
    w.allow({ host: '127.0.0.1', ports: [server.port] })
    const door = await w.open()
    const one = await askTunnel(door, `127.0.0.1:${server.port}`)
    expect(await getThrough(await tlsThrough(one.socket, { ca: cert.cert }), 'x')).toContain('hello')
    const two = await askTunnel(door, `127.0.0.1:${server.port}`)
    await expect(tlsThrough(two.socket, { servername: 'a.test', ca: cert.cert })).rejects.toThrow()
    expect(server.requests).toHaveLength(1)
  })

  it('needs a rule for every method: what is said in it is not seen', async () => {
    const [w, server] = [await world(), await secure()]
    const door = await w.open()
    const status = async () => (await askTunnel(door, `a.test:${server.port}`)).status
    w.allow(local(server.port, { methods: ['GET', 'POST'] }))
    expect(await status()).toBe(403)
    w.rules({ allow: [local(server.port)], deny: [{ host: 'a.test', methods: ['DELETE'] }] })
    expect(await status()).toBe(403)
    w.rules({ allow: [local(server.port, { schemes: ['http'] })] })
    expect(await status()).toBe(403)
    expect(server.connections()).toBe(0)
    w.allow(local(server.port))
    expect(await status()).toBe(200)
  })

  it('is allowed by the rules of the tool that the door is for, and by those of no other', async () => {
    const [w, server] = [await world(), await secure()]
    w.rules({ tools: { 'acme.mail.send@v1': [local(server.port)] } })
    const status = async (more: object) => (await askTunnel(await w.open(more), `a.test:${server.port}`)).status
    expect(await status({ tool: 'acme.mail.send@v1' })).toBe(200)
    expect(await status({ tool: 'acme.mail.list@v1' })).toBe(403)
    expect(await status({})).toBe(403)
  })

  it('ends at once when its rule goes, and when it would lead to other addresses', async () => {
    const [w, server] = [await world(), await secure()]
    for (const after of [[], [local(server.port, { addresses: ['127.0.0.0/16'] })]]) {
      w.allow(local(server.port))
      const { closed } = await tunnel(w, server.port)
      w.allow(...after)
      await closed
      await expect.poll(() => w.records('egress.ended').at(-1)).toMatchObject({ code: 'EGRESS_REVOKED' })
    }
  })

  it('of which nothing was said yet ends with its rule, too', async () => {
    const [w, server] = [await world(), await secure()]
    w.allow(local(server.port))
    const { socket } = await askTunnel(await w.open(), `a.test:${server.port}`)
    socket.resume()
    w.allow()
    await new Promise((resolve) => socket.once('close', resolve))
    await expect.poll(() => w.records('egress.ended')).toMatchObject([{ code: 'EGRESS_REVOKED', bytes_up: 0 }])
  })

  it('stays when a change of the policy leaves its rule', async () => {
    const [w, server] = [await world(), await secure()]
    w.allow(local(server.port))
    const { tls } = await tunnel(w, server.port)
    w.allow({ host: 'b.test' }, local(server.port))
    await new Promise((resolve) => setTimeout(resolve, 150))
    tls.write('GET /again HTTP/1.1\r\nHost: a.test\r\n\r\n')
    expect(String(await new Promise((resolve) => tls.once('data', resolve)))).toContain('hello /again')
  })

  it('ends after a time without a byte, and after a time in any case', async () => {
    const server = await secure()
    const limits = [{ idleMs: 200 }, { totalMs: 400 }]
    for (const config of limits) {
      const w = await world({ config })
      w.allow(local(server.port))
      const { closed } = await tunnel(w, server.port, '/slow')
      await closed
      await expect.poll(() => w.records('egress.ended')).toMatchObject([{ code: 'EGRESS_TIMEOUT' }])
    }
  })

  it('ends with its door, and leaves nobody behind', async () => {
    const [w, server] = [await world(), await secure()]
    w.allow(local(server.port))
    const { closed, door } = await tunnel(w, server.port)
    await door.close()
    await closed
    expect(w.records('egress.ended')).toHaveLength(1)
    expect(await speak(door, 'CONNECT a.test:1 HTTP/1.1\r\n\r\n')).toMatchObject({ status: 0 })
  })

  it('is one of so many: more are told so, and room comes back', async () => {
    const [w, server] = [await world({ config: { connections: 2 } }), await secure()]
    w.allow(local(server.port))
    const door = await w.open()
    const ask = () => askTunnel(door, `a.test:${server.port}`)
    const [one, two] = [await ask(), await ask()]
    expect([one.status, two.status]).toEqual([200, 200])
    expect(await ask()).toMatchObject({ status: 503, headers: { 'proxy-status': expect.stringContaining('limit') } })
    const other = await askTunnel(await w.open(), `a.test:${server.port}`)
    expect(other.status, 'another door has room of its own').toBe(200)
    one.socket.destroy()
    await expect.poll(async () => (await ask()).status).toBe(200)
  })
})

describe('a door', () => {
  it('takes so many in a minute, refused ones included, and says once in the log that there were more', async () => {
    const w = await world({ config: { perMinute: 5 } })
    const door = await w.open()
    const ask = async (port: number) => (await askTunnel(door, `a.test:${port}`)).status
    for (let i = 0; i < 5; i++) expect(await ask(i + 1)).toBe(403)
    const judged = () => w.records('egress.intent', 'egress.outcome', 'egress.decision', 'egress.denied').length
    const before = judged()
    expect(before).toBeGreaterThan(0)
    for (let i = 0; i < 20; i++) expect(await ask(i + 1)).toBe(503)
    expect((await speak(door, 'nonsense\r\n\r\n')).status).toBe(400)
    await expect.poll(() => w.records('egress.refused').map(({ code }) => code)).toEqual(['EGRESS_PROXY_RATE'])
    expect(judged()).toBe(before)
    const other = await w.open()
    expect((await askTunnel(other, 'a.test:1')).status, 'another door has a minute of its own').toBe(403)
  })
})

describe('a plain request', () => {
  it('is made anew: what frames and routes it is ours, the rest is the client\u2019s', async () => {
    const w = await world()
    const seen: string[][] = []
    const server = await plain((request, response) => {
      seen.push(request.rawHeaders)
      response.writeHead(201, { 'x-of': 'server', 'set-cookie': ['a=1', 'b=2'], connection: 'keep-alive' })
      response.end(request.url)
    })
    w.allow(http(server.port))
    const answer = await speak(
      await w.open(),
      get(
        server.port,
        '/p?q=1',
        'X-Api-Key: k\r\nProxy-Authorization: Basic x\r\nAccept-Encoding: zz\r\nProxy-Connection: keep-alive\r\n',
      ),
    )
    expect(answer).toMatchObject({ status: 201, text: '/p?q=1', headers: { 'x-of': 'server', connection: 'close' } })
    expect(answer.headers['content-length']).toBe('6')
    const names = (seen[0] ?? []).filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
    expect(names.sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent', 'x-api-key'])
    expect(seen[0]).toContain(`a.test:${server.port}`)
    expect(JSON.stringify(seen)).not.toMatch(/Basic|zz/)
  })

  it('has its body, read to the end, whole', async () => {
    const w = await world()
    const server = await plain((request, response) => void request.pipe(response))
    w.allow(http(server.port))
    const door = await w.open()
    const head = `POST http://a.test:${server.port}/ HTTP/1.1\r\nHost: a.test:${server.port}\r\n`
    expect(await speak(door, `${head}Content-Length: 5\r\n\r\nhello`)).toMatchObject({ status: 200, text: 'hello' })
    const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`
    expect(await speak(door, chunked)).toMatchObject({ status: 200, text: 'hello' })
    const large = Buffer.alloc(11_000_000, 'x')
    const sent = Buffer.concat([Buffer.from(`${head}Content-Length: ${large.length}\r\n\r\n`), large])
    expect((await speak(door, sent)).status).toBe(400)
    expect(server.requests).toHaveLength(2)
  })

  it('gets a redirect as the answer: the client follows it through the proxy, or not', async () => {
    const w = await world()
    const server = await plain((_, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end())
    w.allow(http(server.port))
    expect(await speak(await w.open(), get(server.port))).toMatchObject({ status: 302 })
  })

  it('gets a decoded body, and no header that speaks of the coding', async () => {
    const w = await world()
    const { gzipSync } = await import('node:zlib')
    const server = await plain((_, response) => {
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync('plain text'))
    })
    w.allow(http(server.port))
    const { text, headers } = await speak(await w.open(), get(server.port))
    expect(text).toBe('plain text')
    expect(headers['content-encoding']).toBeUndefined()
  })

  it('by HEAD keeps the length of what it stands for', async () => {
    const w = await world()
    const server = await plain((_, response) => response.writeHead(200, { 'content-length': '77' }).end())
    w.allow(http(server.port))
    const answer = await speak(await w.open(), get(server.port).replace('GET', 'HEAD'))
    expect(answer).toMatchObject({ status: 200, text: '', headers: { 'content-length': '77' } })
  })

  it('two that are the same at the same time get an answer each', async () => {
    const w = await world()
    let count = 0
    const server = await plain((_, response) => void setImmediate(() => response.end(String(++count))))
    w.allow(http(server.port))
    const door = await w.open()
    const answers = await Promise.all([1, 2, 3].map(() => speak(door, get(server.port))))
    expect(answers.map(({ text }) => text).sort()).toEqual(['1', '2', '3'])
  })
})

describe('a refusal', () => {
  it('names the rule that would allow it, for the connector', async () => {
    const w = await world()
    const { status, headers, text } = await askTunnel(await w.open(), 'a.test:443')
    expect(status).toBe(403)
    expect(headers['proxy-status']).toBe('cloned; error=http_request_denied; details="EGRESS_DENIED"')
    expect(text).toContain('CONNECT https://a.test is not allowed: no rule allows a.test')
    expect(text).toContain(`cloned firewall allow a.test --connector ${CONNECTOR}`)
    expect(text).not.toContain('--method')
  })

  it('says of an address and of a failure no more than that', async () => {
    const w = await world({ zone: { 'in.test': [['10.1.2.3']], 'a.test': [['127.0.0.1']] } })
    w.rules({ allow: [{ host: 'in.test' }, { host: 'none.test' }, local(1)] })
    const door = await w.open()
    const inner = await askTunnel(door, 'in.test:443')
    expect([inner.status, inner.text]).toEqual([403, 'EGRESS_ADDRESS\n'])
    expect((await askTunnel(door, 'none.test:443')).text).toBe('EGRESS_FAILED\n')
    expect((await askTunnel(door, 'a.test:1')).text).toBe('EGRESS_FAILED\n')
  })
})

describe('the audit log', () => {
  const TYPES = ['egress.intent', 'check.before_egress', 'egress.outcome', 'egress.ended', 'egress.refused']

  it('holds the decision on a tunnel before its first byte, and how much went through it', async () => {
    const w = await world()
    let atFirst: string[] = []
    const server = await tlsServer(cert, (_, response) => {
      atFirst = w.records(...TYPES).map(({ type }) => String(type))
      response.end('x'.repeat(10_000))
    })
    open.push(server)
    w.allow(local(server.port))
    const { socket } = await askTunnel(await w.open(), `a.test:${server.port}`)
    const tls = await tlsThrough(socket, { servername: 'a.test', ca: cert.cert })
    await getThrough(tls, 'a.test')
    expect(atFirst).toEqual(['egress.intent', 'check.before_egress', 'egress.outcome'])
    await expect.poll(() => w.records('egress.ended')).toHaveLength(1)
    const [intent, check, outcome, ended] = w.records(...TYPES)
    const origin = `https://a.test:${server.port}`
    expect(intent).toMatchObject({ kind: 'egress.connect', target: origin })
    expect(intent?.['clear']).toMatchObject({ '/connector': CONNECTOR, '/method': 'CONNECT' })
    expect(check).toMatchObject({
      allowed: true,
      subject: { method: 'CONNECT', url: `${origin}/`, connector: CONNECTOR },
    })
    expect(outcome).toMatchObject({ status: 'done' })
    expect(ended).toMatchObject({ connector: CONNECTOR, target: origin, call_id: intent?.['call_id'] })
    expect(Number(ended?.['bytes_down'])).toBeGreaterThan(10_000)
    expect(Number(ended?.['bytes_up'])).toBeGreaterThan(200)
  })

  it('holds one decision for each request, denied ones too, and what could not be read', async () => {
    const w = await world()
    const server = await plain((_, response) => response.end('four'))
    w.allow(http(server.port))
    const door = await w.open()
    await speak(door, get(server.port))
    await askTunnel(door, 'evil.test:443')
    await speak(door, 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n')
    await speak(door, 'NONSENSE\r\n\r\n')
    await door.close()
    expect(w.records('check.before_egress')).toMatchObject([
      { allowed: true, subject: { method: 'GET' } },
      { allowed: false, subject: { method: 'CONNECT', url: 'https://evil.test/' } },
    ])
    expect(w.records('egress.outcome')).toMatchObject([{ status: 'done' }, { status: 'failed', effect: 'none' }])
    expect(w.records('egress.ended')).toMatchObject([{ bytes_up: 0, bytes_down: 4 }])
    expect(w.records('egress.refused')).toMatchObject([
      { connector: CONNECTOR, code: 'EGRESS_PROXY_REQUEST' },
      { connector: CONNECTOR, code: 'EGRESS_PROXY_REQUEST' },
    ])
  })
})

describe('the plugin', () => {
  it.each([
    { connector: '' },
    { connector: 'A' },
    { connector: 'a b' },
    { connector: '../x' },
    { connector: 7 as never },
    { connector: 'x'.repeat(201) },
    { connector: 'mail', tool: 'no version' },
  ])('opens no door for %j', async (options) => {
    const w = await world()
    await expect(w.open(options)).rejects.toMatchObject({ code: 'EGRESS_PROXY_OPEN' })
  })

  it('opens no door before the start and after the end, and stops twice', async () => {
    const kernel = createKernel(defaultDistribution())
    const proxy = kernel.service(egressProxySlot)
    await expect(proxy.open({ connector: 'mail' })).rejects.toMatchObject({ code: 'EGRESS_PROXY_OPEN' })
    await kernel.stop()
    await kernel.stop()
    await expect(proxy.open({ connector: 'mail' })).rejects.toMatchObject({ code: 'EGRESS_PROXY_OPEN' })
    expect(egressProxyPlugin.manifest.executes.map(({ id }) => id)).toEqual(['egress.connect'])
  })

  it('runs nothing for an action that no connector asked for', async () => {
    const [w, server] = [await world(), await secure()]
    w.allow(local(server.port))
    const url = `https://a.test:${server.port}`
    const input = { connector: CONNECTOR, method: 'CONNECT', url }
    expect(await w.kernel.act(egressConnect, { target: url, input })).toMatchObject({
      status: 'failed',
      effect: 'none',
      code: 'EGRESS_PROXY_UNASKED',
    })
    expect(server.connections()).toBe(0)
  })

  it('ends every tunnel when the kernel stops', async () => {
    const [w, server] = [await world(), await secure()]
    w.allow(local(server.port))
    const { closed } = await tunnel(w, server.port)
    await w.kernel.stop()
    await closed
    expect(w.records('egress.ended')).toHaveLength(1)
  })
})

describe('a door with a listener that it is given', () => {
  it('serves it and nothing else, by the same rules, and closes it', async () => {
    const world = await proxyWorld({ zone: { 'a.test': [['127.0.0.1']] } })
    const upstream = await httpServer((request, response) => response.end(`plain ${request.url}`))
    const listener = createServer()
    await new Promise<void>((ready) => listener.listen(0, '127.0.0.1', ready))
    const { port } = listener.address() as AddressInfo
    try {
      world.allow({ host: 'a.test', addresses: LOOPBACK, ports: [upstream.port], schemes: ['http'] })
      const door = await world.open({ listener, port: false })
      expect([door.port, door.socket]).toEqual([undefined, undefined])
      const get = (host: string) => speak({ ...door, port }, `GET http://${host}/x HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      expect(await get(`a.test:${upstream.port}`)).toMatchObject({ status: 200, text: 'plain /x' })
      expect((await get('evil.test')).status).toBe(403)
      const idle = dialDoor({ ...door, port })
      await new Promise((ready) => idle.once('connect', ready))
      const ended = new Promise((resolve) => idle.once('close', resolve))
      await door.close()
      await ended
      expect(listener.listening).toBe(false)
    } finally {
      await world.close()
      await upstream.close()
    }
  })

  it.each([
    ['nothing that listens', createServer()],
    ['no server', {}],
  ])('is not opened with %s', async (_, listener) => {
    const world = await proxyWorld()
    await expect(world.open({ listener, port: false })).rejects.toMatchObject({ code: 'EGRESS_PROXY_OPEN' })
    await world.close()
  })
})
