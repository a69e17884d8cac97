// The attacks on outgoing requests, each against the real client, a fake DNS server and servers on the loopback.
import type { RequestListener } from 'node:http'
import { gzipSync } from 'node:zlib'
import { ClonedError } from 'cloned/kernel'
import { afterEach, describe, expect, it } from 'vitest'
import type { FetchInit } from '../../plugins/firewall/slot.js'
import {
  codeOf,
  type FetchWorld,
  fetchWorld,
  httpServer,
  LOOPBACK,
  type LoopbackServer,
  rawServer,
  TOOL,
  type Zone,
} from '../plugins/firewall-fixture.js'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

async function world(zone: Zone = {}, parts: Parameters<typeof fetchWorld>[1] = {}): Promise<FetchWorld> {
  const made = await fetchWorld(zone, parts)
  open.push(made)
  return made
}

async function server(listener: RequestListener = (_, response) => response.end('reached')): Promise<LoopbackServer> {
  const made = await httpServer(listener)
  open.push(made)
  return made
}

async function raw(speak: Parameters<typeof rawServer>[0]): Promise<LoopbackServer> {
  const made = await rawServer(speak)
  open.push(made)
  return made
}

/** Records every address that would be dialled, and connects nowhere. */
function recorder() {
  const dialled: string[] = []
  const connect = (options: { hostname: string }, callback: (error: Error, socket: null) => void) => {
    dialled.push(options.hostname)
    callback(Object.assign(new Error('recorded'), { code: 'ERECORDED' }), null)
  }
  return { dialled, connect }
}

const http = (host: string, port: number) => ({ host, schemes: ['http' as const], ports: [port] })
const local = (host: string, port: number) => ({ ...http(host, port), addresses: LOOPBACK })

describe('names and addresses', () => {
  it.each<[string, string[], string]>([
    ['a loopback address', ['127.0.0.1'], 'EGRESS_ADDRESS'],
    ['a private address', ['10.0.0.1'], 'EGRESS_ADDRESS'],
    ['metadata', ['169.254.169.254'], 'EGRESS_ADDRESS'],
    ['metadata of Azure, which is a public address to libraries', ['168.63.129.16'], 'EGRESS_ADDRESS'],
    ['metadata of Alibaba', ['100.100.100.200'], 'EGRESS_ADDRESS'],
    ['metadata by IPv6', ['fd00:ec2::254'], 'EGRESS_ADDRESS'],
    ['NAT64 of metadata', ['64:ff9b::a9fe:a9fe'], 'EGRESS_ADDRESS'],
    ['6to4 of the loopback', ['2002:7f00:1::'], 'EGRESS_ADDRESS'],
    ['Teredo', ['2001:0:4136:e378:8000:63bf:80ff:fffe'], 'EGRESS_ADDRESS'],
    ['a mapped address', ['::ffff:127.0.0.1'], 'EGRESS_ADDRESS'],
    ['a public and a private address', ['93.184.216.34', '127.0.0.1'], 'EGRESS_ADDRESS'],
    ['a private and a public address', ['10.0.0.1', '93.184.216.34'], 'EGRESS_ADDRESS'],
    ['a public IPv4 and a loopback IPv6 address', ['93.184.216.34', '::1'], 'EGRESS_ADDRESS'],
    ['a name that leads to metadata', ['cname:metadata.test'], 'EGRESS_ADDRESS'],
    ['a name that leads nowhere', [], 'EGRESS_FAILED'],
  ])('%s is not dialled', async (_, answers, code) => {
    const { dialled, connect } = recorder()
    const w = await world({ 'a.test': [answers], 'metadata.test': [['169.254.169.254']] }, { connect })
    w.allow({ host: 'a.test' })
    expect(await codeOf(w.get('https://a.test/'))).toBe(code)
    expect(dialled).toEqual([])
  })

  it('of public answers the vetted literals are dialled, never the name', async () => {
    const { dialled, connect } = recorder()
    const w = await world({ 'a.test': [['93.184.216.34', '1.1.1.1', '2606:4700::1111']] }, { connect })
    w.allow({ host: 'a.test' })
    expect(await codeOf(w.get('https://a.test/'))).toBe('EGRESS_FAILED')
    expect(dialled.sort()).toEqual(['1.1.1.1', '2606:4700::1111', '93.184.216.34'])
    expect(w.dns.asked).toHaveLength(2)
  })

  it('a name that changes its address after it was vetted is still dialled at the vetted one', async () => {
    const { dialled, connect } = recorder()
    const w = await world({ 'a.test': [['93.184.216.34'], ['127.0.0.1']] }, { connect })
    w.allow({ host: 'a.test' })
    await codeOf(w.get('https://a.test/'))
    expect(dialled).toEqual(['93.184.216.34'])
    expect(await codeOf(w.get('https://a.test/')), 'and vetted again for the next connection').toBe('EGRESS_ADDRESS')
    expect(dialled).toEqual(['93.184.216.34'])
  })

  it('the text of a refused address says neither which nor of what kind', async () => {
    const w = await world({ 'a.test': [['10.1.2.3']] })
    w.allow({ host: 'a.test' })
    await expect(w.get('https://a.test/')).rejects.toThrow(/^a\.test leads to an address that is not allowed\.$/)
  })

  it('a peer that is not the dialled address is cut off', async () => {
    const elsewhere = await server()
    const { buildConnector } = await import('undici')
    const real = buildConnector({})
    const w = await world(
      { 'a.test': [['93.184.216.34']] },
      {
        connect: (options, callback) =>
          real({ ...options, hostname: '127.0.0.1', port: String(elsewhere.port) }, callback),
      },
    )
    w.allow(http('a.test', 80))
    expect(await codeOf(w.get('http://a.test/'))).toBe('EGRESS_FAILED')
    expect(elsewhere.requests).toEqual([])
  })

  it('a name that is not allowed is not even resolved', async () => {
    const w = await world({ 'secret.evil.test': [['127.0.0.1']] })
    w.allow({ host: 'a.test' })
    expect(await codeOf(w.get('https://secret.evil.test/'))).toBe('EGRESS_DENIED')
    expect(w.dns.asked).toEqual([])
  })

  it('a name is resolved in lower case, and without search domains', async () => {
    const w = await world({})
    w.allow({ host: 'a.test' })
    expect(await codeOf(w.get('https://A.TeSt/'))).toBe('EGRESS_FAILED')
    expect(w.dns.asked.sort()).toEqual(['a.test A', 'a.test AAAA'])
  })

  it.each([
    'http://127.0.0.1',
    'http://0.0.0.0',
    'http://[::1]',
    'http://[::ffff:127.0.0.1]',
    'http://localhost',
    'http://127.1',
  ])('%s is not reached by a rule for a name', async (origin) => {
    const target = await server()
    const w = await world()
    w.allow(local('a.test', target.port))
    expect(await codeOf(w.get(`${origin}:${target.port}/`))).toBe('EGRESS_DENIED')
    expect(target.connections()).toBe(0)
  })

  it('an address that a rule names is reached at that port alone', async () => {
    const target = await server()
    const other = await server()
    const w = await world()
    w.allow(http('127.0.0.1', target.port))
    expect((await w.get(`http://127.0.0.1:${target.port}/`)).text()).toBe('reached')
    expect(await codeOf(w.get(`http://127.0.0.1:${other.port}/`))).toBe('EGRESS_DENIED')
  })
})

describe('redirects', () => {
  const to =
    (location: string | string[], status = 302): RequestListener =>
    (request, response) => {
      if (request.url !== '/') return void response.end('landed')
      response.writeHead(status, { location: location as string })
      response.end()
    }

  it.each<[string, (port: number) => string | string[]]>([
    ['to metadata', () => 'http://169.254.169.254/latest/'],
    ['to a loopback address that no rule names', (port) => `http://127.0.0.2:${port}/x`],
    ['to a host that no rule names', () => 'http://evil.test/'],
    ['to a file', () => 'file:///etc/passwd'],
    ['to another scheme', () => 'ftp://a.test/'],
    ['to a host with user info', (port) => `http://a.test:${port}@evil.test/`],
    ['with a backslash', (port) => `http://a.test:${port}\\@evil.test/`],
    ['without the scheme, to a host that no rule names', () => '//evil.test/'],
    ['to an odd spelling of an address', (port) => `http://0x7f.1:${port}/x`],
    ['that says two places', (port) => [`http://a.test:${port}/x`, 'http://evil.test/']],
  ])('%s is not followed', async (_, location) => {
    let where: string | string[] = ''
    const target = await server((request, response) => to(where)(request, response))
    where = location(target.port)
    const w = await world({ 'a.test': [['127.0.0.1']] })
    w.allow(local('a.test', target.port))
    expect(await codeOf(w.get(`http://a.test:${target.port}/`))).toBe('EGRESS_REDIRECT')
    expect(target.requests).toEqual(['GET /'])
  })

  it.each(['http://0x7f.1', '//0x7f.1', 'http://2130706433', 'http:127.0.0.1', '//127.0.0.1.'])(
    'to %s is not followed even where that address is allowed',
    async (odd) => {
      let where = ''
      const target = await server((request, response) => to(where)(request, response))
      where = `${odd}:${target.port}/x`
      const w = await world()
      w.allow(http('127.0.0.1', target.port))
      expect(await codeOf(w.get(`http://127.0.0.1:${target.port}/`))).toBe('EGRESS_REDIRECT')
      expect(target.requests).toEqual(['GET /'])
    },
  )

  it('every hop is put to the check, and a veto ends it', async () => {
    const target = await server(to('/next'))
    const w = await world()
    w.allow(http('127.0.0.1', target.port))
    const hops: string[] = []
    const check = ({ url }: { url: string }) => {
      hops.push(new URL(url).pathname)
      if (url.endsWith('/next'))
        throw new ClonedError('EGRESS_DENIED', { method: 'GET', url, reason: 'veto', next: '' })
    }
    expect(await codeOf(w.get(`http://127.0.0.1:${target.port}/`, {}, { check }))).toBe('EGRESS_REDIRECT')
    expect(hops).toEqual(['/', '/next'])
    expect(target.requests).toEqual(['GET /'])
  })

  it('more than five are not followed', async () => {
    const target = await server((_, response) => response.writeHead(302, { location: '/again' }).end())
    const w = await world()
    w.allow(http('127.0.0.1', target.port))
    expect(await codeOf(w.get(`http://127.0.0.1:${target.port}/`))).toBe('EGRESS_REDIRECT')
    expect(target.requests).toHaveLength(6)
  })

  it('to another origin nothing that identifies goes along', async () => {
    const seen: string[] = []
    const second = await server((request, response) => {
      seen.push(...Object.keys(request.headers))
      response.end('ok')
    })
    const first = await server((_, response) =>
      response.writeHead(302, { location: `http://127.0.0.1:${second.port}/` }).end(),
    )
    const w = await world()
    w.allow(http('127.0.0.1', first.port), http('127.0.0.1', second.port))
    const headers = {
      authorization: 'x',
      cookie: 'x',
      'x-api-key': 'x',
      'x-amz-security-token': 'x',
      range: 'bytes=0-1',
      accept: 'text/plain',
    }
    expect((await w.get(`http://127.0.0.1:${first.port}/`, { headers })).redirected).toBe(true)
    expect(seen.sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent'])
  })

  it.each([307, 308])('%i does not take a body to another origin', async (status) => {
    const second = await server()
    const first = await server((_, response) =>
      response.writeHead(status, { location: `http://127.0.0.1:${second.port}/` }).end(),
    )
    const w = await world()
    w.allow(http('127.0.0.1', first.port), http('127.0.0.1', second.port))
    expect(await codeOf(w.get(`http://127.0.0.1:${first.port}/`, { method: 'POST', body: 'x' }))).toBe(
      'EGRESS_REDIRECT',
    )
    expect(second.requests).toEqual([])
  })

  it('from https to http is not followed', async () => {
    const { nextHop } = await import('../../plugins/firewall/redirect.js')
    const { parseTarget } = await import('../../plugins/firewall/target.js')
    const target = parseTarget('https://a.test/')
    if ('refused' in target) throw new Error(target.reason)
    const hop = { target, request: { method: 'GET', headers: {}, body: undefined } }
    expect(() => nextHop(hop, 302, 'http://a.test/', false)).toThrow(/from https to http/)
    expect(nextHop(hop, 302, '/x', false).target.href).toBe('https://a.test/x')
  })
})

describe('what a caller may say', () => {
  it.each([
    'host',
    'Host',
    'HOST',
    'connection',
    'content-length',
    'transfer-encoding',
    'te',
    'trailer',
    'upgrade',
    'expect',
    'keep-alive',
    'proxy-authorization',
    'proxy-connection',
    'x-forwarded-for',
    'x-forwarded-host',
    'forwarded',
    'via',
    'http2-settings',
    'x-http-method-override',
    'x-original-url',
    ':authority',
    ' host',
    'host ',
    'ho\rst',
    'sec-fetch-site',
    'accept-encoding',
    '',
  ])('not the header %j', async (name) => {
    const target = await server()
    const w = await world()
    w.allow(http('127.0.0.1', target.port))
    expect(await codeOf(w.get(`http://127.0.0.1:${target.port}/`, { headers: { [name]: 'x' } }))).toBe('EGRESS_REQUEST')
    expect(target.connections()).toBe(0)
  })

  it.each<[string, FetchInit]>([
    ['a line break in a value', { headers: { 'x-a': 'x\r\nhost: evil' } }],
    ['a NUL in a value', { headers: { 'x-a': 'x\0' } }],
    ['a value that has no one encoding', { headers: { 'x-a': 'ü→' } }],
    ['one header in two spellings', { headers: { 'X-A': '1', 'x-a': '2' } }],
    ['a body with GET', { body: 'x' }],
    ['101 headers', { headers: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-${i}`, ''])) }],
  ])('not %s', async (_, init) => {
    const w = await world()
    w.allow(http('127.0.0.1', 1))
    expect(await codeOf(w.get('http://127.0.0.1:1/', init))).toBe('EGRESS_REQUEST')
  })

  it.each(['CONNECT', 'TRACE', 'TRACK', 'get', 'GET /evil HTTP/1.1\r\nx:', 'PRI'])(
    'not the method %j',
    async (method) => {
      const target = await server()
      const w = await world()
      w.allow(http('127.0.0.1', target.port))
      expect(await codeOf(w.get(`http://127.0.0.1:${target.port}/`, { method }))).toBe('EGRESS_DENIED')
      expect(target.connections()).toBe(0)
    },
  )

  it('a path that looks like another URL stays a path, and Host is the host that was judged', async () => {
    const seen: string[] = []
    const target = await server((request, response) => {
      seen.push(`${request.headers.host} ${request.url}`)
      response.end()
    })
    const w = await world({ 'a.test': [['127.0.0.1']] })
    w.allow(local('a.test', target.port))
    await w.get(`http://A.test.:${target.port}//evil.test/`)
    await w.get(`http://a.test:${target.port}/http://evil.test/`)
    await w.get(`http://a.test:${target.port}/%0d%0aHost:%20evil`)
    expect(seen).toEqual([
      `a.test:${target.port} //evil.test/`,
      `a.test:${target.port} /http://evil.test/`,
      `a.test:${target.port} /%0d%0aHost:%20evil`,
    ])
  })

  it('proxies of the environment are not asked', async () => {
    const target = await server()
    const proxy = await server((_, response) => response.end('proxied'))
    const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY']
    const before = names.map((name) => process.env[name])
    for (const name of names) process.env[name] = `http://127.0.0.1:${proxy.port}`
    try {
      const w = await world()
      w.allow(http('127.0.0.1', target.port))
      expect((await w.get(`http://127.0.0.1:${target.port}/`)).text()).toBe('reached')
      expect(proxy.connections()).toBe(0)
    } finally {
      names.forEach((name, i) => {
        const value = before[i]
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      })
    }
  })
})

describe('connections', () => {
  it('one made under the grant of one tool does not serve a tool without it', async () => {
    const target = await server()
    const w = await world({ 'a.test': [['127.0.0.1']] })
    w.allow(http('a.test', target.port))
    w.allowTool(TOOL, local('a.test', target.port))
    expect((await w.get(`http://a.test:${target.port}/`)).text()).toBe('reached')
    expect(await codeOf(w.get(`http://a.test:${target.port}/`, {}, { tool: 'other.tool@v1' }))).toBe('EGRESS_ADDRESS')
    expect(target.requests).toHaveLength(1)
  })

  it('one is used again under the same policy, and not under another', async () => {
    const target = await server()
    const w = await world()
    w.allow(http('127.0.0.1', target.port))
    await w.get(`http://127.0.0.1:${target.port}/`)
    // The client takes a connection again one turn after its response, to see whether more comes that nobody asked for.
    await new Promise(setImmediate)
    await w.get(`http://127.0.0.1:${target.port}/`)
    expect(target.connections()).toBe(1)
    await new Promise(setImmediate)
    w.allow(http('127.0.0.1', target.port), { host: 'other.test' })
    await w.get(`http://127.0.0.1:${target.port}/`)
    expect(target.connections()).toBe(2)
  })

  it.each([
    ['HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n', 'a change of protocol'],
    ['HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab', 'two lengths'],
    ['HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 'a length and chunks'],
    ['HTTP/1.1 200 OK\r\nx: 1\n\n: 2\r\n\r\n', 'a header without a name'],
    [`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(70_000)}\r\n\r\n`, 'headers without end'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'HTTP/2'],
    ['SSH-2.0-OpenSSH\r\n', 'no HTTP at all'],
  ])('a response with %j is refused (%s)', async (answer) => {
    const target = await raw((socket) => {
      socket.once('data', () => socket.end(answer))
    })
    const w = await world()
    w.allow(http('127.0.0.1', target.port))
    expect(await codeOf(w.get(`http://127.0.0.1:${target.port}/`))).toMatch(/^EGRESS_(FAILED|RESPONSE)$/)
  })

  it('a response that nobody asked for is not the answer to the next request', async () => {
    let n = 0
    const target = await raw((socket) => {
      socket.on('data', () => {
        n++
        const answer = (text: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`
        socket.write(n === 1 ? answer('first') + answer('POISON') : answer('second'))
      })
    })
    const w = await world()
    w.allow(http('127.0.0.1', target.port))
    expect((await w.get(`http://127.0.0.1:${target.port}/`)).text()).toBe('first')
    const next = await w.get(`http://127.0.0.1:${target.port}/`).then(
      (response) => response.text(),
      () => 'failed',
    )
    expect(next).not.toBe('POISON')
  })
})

describe('limits', () => {
  const bomb = gzipSync(Buffer.alloc(5_000_000))
  it.each<[string, string, Buffer]>([
    ['more bytes than asked for', 'identity', Buffer.alloc(200_000)],
    ['a body that decodes to more', 'gzip', bomb],
    ['a body that was encoded twice and decodes to more', 'gzip, gzip', gzipSync(bomb)],
    ['three codings', 'gzip, gzip, gzip', gzipSync(gzipSync(gzipSync('x')))],
    ['a coding that nobody knows', 'aes128gcm', Buffer.from('x')],
    ['a damaged body', 'gzip', Buffer.from('not gzip')],
    ['half a body', 'gzip', gzipSync('a'.repeat(1000)).subarray(0, 20)],
  ])('%s is refused', async (_, coding, body) => {
    const target = await server((_request, response) => {
      response.writeHead(200, { 'content-encoding': coding })
      response.end(body)
    })
    const w = await world()
    w.allow(http('127.0.0.1', target.port))
    expect(await codeOf(w.get(`http://127.0.0.1:${target.port}/`, { maxBytes: 100_000 }))).toBe('EGRESS_RESPONSE')
  })

  it.each<[string, RequestListener]>([
    ['no head', () => undefined],
    ['a head and no body', (_, response) => response.writeHead(200).write('x')],
    [
      'one byte at a time',
      (_, response) => {
        const timer = setInterval(() => response.write('x'), 10)
        response.on('close', () => clearInterval(timer))
      },
    ],
  ])('the deadline counts for everything: %s', async (_, listener) => {
    const target = await server(listener)
    const w = await world()
    w.allow(http('127.0.0.1', target.port))
    expect(await codeOf(w.get(`http://127.0.0.1:${target.port}/`, { deadlineMs: 150 }))).toBe('EGRESS_TIMEOUT')
  })

  it('the deadline counts for a name server that does not answer', async () => {
    const silent = { resolve: () => new Promise<never>(() => undefined) }
    const w = await world({}, silent)
    w.allow({ host: 'a.test' })
    expect(await codeOf(w.get('https://a.test/', { deadlineMs: 100 }))).toBe('EGRESS_TIMEOUT')
  })

  it('the deadline counts for a secret that does not come', async () => {
    const w = await world()
    w.allow(http('127.0.0.1', 1))
    const secrets = [{ secret: 's', in: 'header' as const, name: 'x-key' }]
    const bind = () => new Promise<never>(() => undefined)
    expect(await codeOf(w.get('http://127.0.0.1:1/', { deadlineMs: 100, secrets, bind }))).toBe('EGRESS_TIMEOUT')
  })

  it('a caller that gives up ends the request', async () => {
    const target = await server(() => undefined)
    const w = await world()
    w.allow(http('127.0.0.1', target.port))
    const controller = new AbortController()
    const request = codeOf(w.get(`http://127.0.0.1:${target.port}/`, {}, { signals: [controller.signal] }))
    controller.abort()
    expect(await request).toBe('EGRESS_CANCELLED')
    expect(await codeOf(w.get(`http://127.0.0.1:${target.port}/`, {}, { signals: [controller.signal] }))).toBe(
      'EGRESS_CANCELLED',
    )
  })
})

describe('a change of the policy', () => {
  async function underWay(change: (w: FetchWorld, port: number) => void): Promise<string> {
    let arrived: () => void = () => undefined
    const reached = new Promise<void>((resolve) => {
      arrived = resolve
    })
    let finish: () => void = () => undefined
    const target = await server((_, response) => {
      response.writeHead(200).write('half')
      finish = () => response.end(' whole')
      arrived()
    })
    const w = await world({ 'a.test': [['127.0.0.1']] })
    w.allow(local('a.test', target.port))
    const request = codeOf(w.get(`http://a.test:${target.port}/`))
    await reached
    change(w, target.port)
    const other = await Promise.race([request, new Promise<string>((resolve) => setTimeout(resolve, 300, 'goes on'))])
    finish()
    return other === 'goes on' ? `goes on, ${await request}` : other
  }

  it('ends what is no longer allowed', async () => {
    expect(await underWay((w) => w.allow({ host: 'other.test' }))).toBe('EGRESS_REVOKED')
  })

  it('ends what is allowed no longer at this address', async () => {
    expect(await underWay((w, port) => w.allow(http('a.test', port)))).toBe('EGRESS_REVOKED')
  })

  it('leaves alone what is still allowed', async () => {
    expect(await underWay((w, port) => w.allow(local('a.test', port), { host: 'other.test' }))).toBe('goes on, done')
  })

  it('while others are asked counts before anything is sent', async () => {
    const target = await server()
    const w = await world()
    w.allow(http('127.0.0.1', target.port))
    const check = async () => {
      await Promise.resolve()
      w.allow()
    }
    expect(await codeOf(w.get(`http://127.0.0.1:${target.port}/`, {}, { check }))).toBe('EGRESS_DENIED')
    const bind = async () => {
      w.allow()
      return 'secret'
    }
    w.allow(http('127.0.0.1', target.port))
    const secrets = [{ secret: 's', in: 'header' as const, name: 'x-key' }]
    expect(await codeOf(w.get(`http://127.0.0.1:${target.port}/`, { secrets, bind }))).toBe('EGRESS_DENIED')
    expect(target.connections()).toBe(0)
  })
})

describe('a firewall that is broken', () => {
  it.each<[string, () => never]>([
    [
      'rules that cannot be read',
      () => {
        throw new ClonedError('EGRESS_RULES', { problems: 'x' })
      },
    ],
    [
      'rules that throw anything',
      () => {
        throw new TypeError('x')
      },
    ],
  ])('%s let nothing out', async (_, rules) => {
    const { dialled, connect } = recorder()
    const w = await world({ 'a.test': [['93.184.216.34']] }, { rules, connect })
    expect(await codeOf(w.get('https://a.test/'))).not.toBe('done')
    expect(dialled).toEqual([])
    expect(w.dns.asked).toEqual([])
  })

  it('a check that throws or rejects lets nothing out', async () => {
    const target = await server()
    const w = await world()
    w.allow(http('127.0.0.1', target.port))
    const throwing = () => {
      throw new Error('x')
    }
    const rejecting = () => Promise.reject(new Error('x'))
    for (const check of [throwing, rejecting])
      await expect(w.get(`http://127.0.0.1:${target.port}/`, {}, { check })).rejects.toThrow('x')
    expect(target.connections()).toBe(0)
  })

  it('nothing is sent after it was closed', async () => {
    const target = await server()
    const w = await fetchWorld()
    w.allow(http('127.0.0.1', target.port))
    await w.close()
    expect(await codeOf(w.get(`http://127.0.0.1:${target.port}/`))).toBe('EGRESS_CANCELLED')
    expect(target.connections()).toBe(0)
  })
})
