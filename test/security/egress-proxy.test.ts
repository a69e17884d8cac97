// The attacks on the egress proxy, each over real sockets, with a fake DNS and servers on the loopback that must hear nothing.
import { connect, type Socket } from 'node:net'
import { allow, ask, deny, type GuardAnswer } from 'cloned/kernel'
import type { EgressDoor } from 'cloned/plugins/egress-proxy'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { clientHello, inRecords } from '../plugins/client-hello-fixture.js'
import {
  type Answer,
  askTunnel,
  type Certificate,
  certificate,
  dialDoor,
  getThrough,
  type ProxyWorld,
  proxyWorld,
  speak,
  tlsServer,
  tlsThrough,
  type WorldOptions,
} from '../plugins/egress-proxy-fixture.js'
import { httpServer, LOOPBACK, type LoopbackServer, rawServer, type Zone } from '../plugins/firewall-fixture.js'

let cert: Certificate
beforeAll(() => {
  cert = certificate('a.test', 'b.test')
})

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const ZONE: Zone = { 'a.test': [['127.0.0.1']], 'b.test': [['127.0.0.1']] }

async function world(options: WorldOptions = {}): Promise<ProxyWorld> {
  const made = await proxyWorld({ zone: ZONE, ...options })
  open.push(made)
  return made
}

/** A server that speaks no protocol and remembers every byte. */
async function listener(): Promise<LoopbackServer & { heard: () => string; left: () => number }> {
  let heard = ''
  let left = 0
  const made = await rawServer((socket) => {
    left++
    socket.on('data', (chunk) => (heard += chunk.toString('latin1'))).on('close', () => left--)
  })
  open.push(made)
  return { ...made, heard: () => heard, left: () => left }
}

async function plain(): Promise<LoopbackServer> {
  const made = await httpServer((_, response) => response.end('reached'))
  open.push(made)
  return made
}

const local = (port: number, more: object = {}) => ({ host: 'a.test', ports: [port], addresses: LOOPBACK, ...more })
const http = (port: number) => local(port, { schemes: ['http' as const] })

/** A connector that records every address that would be dialled and connects nowhere. */
function recorder() {
  const dialled: string[] = []
  const connect = (options: { hostname: string }, callback: (error: Error, socket: null) => void) => {
    dialled.push(options.hostname)
    callback(Object.assign(new Error('recorded'), { code: 'ERECORDED' }), null)
  }
  return { dialled, parts: { connect } }
}

/** Speaks through a tunnel until it is closed; answers what came back. */
async function say(socket: Socket, ...chunks: (string | Buffer)[]): Promise<Buffer> {
  const got: Buffer[] = []
  socket.on('data', (chunk) => got.push(chunk)).resume()
  for (const chunk of chunks) {
    socket.write(chunk)
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve))
  return Buffer.concat(got)
}

describe('the host of a CONNECT', () => {
  it.each([
    '0x7f.1',
    '2130706433',
    '017700000001',
    '127.1',
    '0',
    '127.0.0.1',
    '127.0.0.1.',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
    '[fe80::1%25eth0]',
    '[a.test]',
    'localhost',
    'foo.localhost',
    'ip6-localhost',
    'intranet',
    'evil.test',
    'x.a.test',
    'a.test.evil.test',
    'evil.test\\.a.test',
    'evil.test%00.a.test',
    'ev%69l.test',
    'a.test@evil.test',
    'a.test:443@evil.test',
    'evil.test#a.test',
    'evil.test?a.test',
    'evil.test/a.test',
    'http://a.test',
    '//a.test',
    'a.test..',
    '.a.test',
    '*.test',
    'xn--a.test',
    '',
  ])('%j is not reached by a rule for a.test, and not even resolved', async (host) => {
    const { dialled, parts } = recorder()
    const [w, server] = [await world({ parts }), await listener()]
    w.allow(local(server.port))
    const door = await w.open()
    const { status } = await speak(
      door,
      `CONNECT ${host}:${server.port} HTTP/1.1\r\nHost: ${host}:${server.port}\r\n\r\n`,
    )
    expect([400, 403]).toContain(status)
    expect([dialled, w.dns.asked]).toEqual([[], []])
  })

  it.each([
    'a.test',
    'a.test:',
    'a.test:0',
    'a.test:65536',
    'a.test:443443',
    'a.test:+443',
    'a.test:0x1bb',
    'a.test:443:443',
    'a.test:443/',
    'a.test: 443',
  ])('%j has no port that can be read in one way', async (authority) => {
    const { dialled, parts } = recorder()
    const w = await world({ parts })
    w.allow({ host: 'a.test' })
    expect((await speak(await w.open(), `CONNECT ${authority} HTTP/1.1\r\nHost: a.test\r\n\r\n`)).status).toBe(400)
    expect([dialled, w.dns.asked]).toEqual([[], []])
  })

  it.each([22, 53, 25, 6443, 444, 80])('port %i is not opened by a rule for https', async (port) => {
    const { dialled, parts } = recorder()
    const w = await world({ parts })
    w.allow({ host: 'a.test' })
    expect((await askTunnel(await w.open(), `a.test:${port}`)).status).toBe(403)
    expect([dialled, w.dns.asked]).toEqual([[], []])
  })

  it('is the only one: Host names it too, or nothing is opened', async () => {
    const { dialled, parts } = recorder()
    const w = await world({ parts })
    w.rules({ allow: [{ host: 'a.test' }, { host: 'b.test' }] })
    const door = await w.open()
    const heads = [
      'b.test:443',
      'b.test',
      'a.test:444',
      'a.test:443@b.test',
      'a.test:443/',
      '',
      'a.test:443, b.test:443',
    ]
    for (const host of heads) {
      const { status } = await speak(door, `CONNECT a.test:443 HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      expect([host, status]).toEqual([host, 400])
    }
    const twice = 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nHost: b.test:443\r\n\r\n'
    expect((await speak(door, twice)).status).toBe(400)
    expect(dialled).toEqual([])
    const spelled = 'CONNECT A.TEST:443 HTTP/1.1\r\nHost: a.test.\r\n\r\n'
    expect((await speak(door, spelled)).text, 'another spelling of the same').toBe('EGRESS_ADDRESS\n')
    expect(w.dns.asked.sort()).toEqual(['a.test A', 'a.test AAAA'])
  })
})

describe('the addresses of a host', () => {
  it.each<[string, string[]]>([
    ['loopback', ['127.0.0.1']],
    ['private', ['10.0.0.1']],
    ['metadata', ['169.254.169.254']],
    ['metadata of Azure', ['168.63.129.16']],
    ['metadata by IPv6', ['fd00:ec2::254']],
    ['mapped', ['::ffff:127.0.0.1']],
    ['NAT64 of metadata', ['64:ff9b::a9fe:a9fe']],
    ['public and private', ['93.184.216.34', '10.0.0.1']],
    ['public and loopback by IPv6', ['93.184.216.34', '::1']],
    ['those of a name that leads to metadata', ['cname:meta.test']],
  ])('that are %s are not dialled', async (_, answers) => {
    const { dialled, parts } = recorder()
    const w = await world({ parts, zone: { 'a.test': [answers], 'meta.test': [['169.254.169.254']] } })
    w.allow({ host: 'a.test' })
    const { status, text } = await askTunnel(await w.open(), 'a.test:443')
    expect([status, text]).toEqual([403, 'EGRESS_ADDRESS\n'])
    expect(dialled).toEqual([])
  })

  it('are resolved once, and the vetted literal is dialled, whatever the name leads to afterwards', async () => {
    const { dialled, parts } = recorder()
    const w = await world({ parts, zone: { 'a.test': [['93.184.216.34'], ['127.0.0.1']] } })
    w.allow({ host: 'a.test' })
    await askTunnel(await w.open(), 'a.test:443')
    expect(dialled).toEqual(['93.184.216.34'])
    expect(w.dns.asked.filter((question) => question.endsWith(' A'))).toHaveLength(1)
  })

  it('of this machine are not reached by a range around it', async () => {
    const { dialled, parts } = recorder()
    const w = await world({ parts: { ...parts, own: () => new Set(['10.1.2.3']) }, zone: { 'a.test': [['10.1.2.3']] } })
    w.allow({ host: 'a.test', ports: [443], addresses: ['10.0.0.0/8'] })
    expect((await askTunnel(await w.open(), 'a.test:443')).status).toBe(403)
    expect(dialled).toEqual([])
  })
})

describe('the name that TLS asks for in a tunnel', () => {
  const hello = (parts: Parameters<typeof clientHello>[0]) => inRecords(clientHello(parts))
  it.each<[string, Buffer | string]>([
    ['another host', hello({ names: ['evil.test'] })],
    ['another allowed host', hello({ names: ['b.test'] })],
    ['a host below it', hello({ names: ['x.a.test'] })],
    ['the host with a dot behind', hello({ names: ['a.test.'] })],
    ['the host and another', hello({ names: ['a.test', 'evil.test'] })],
    ['nobody', hello({})],
    [
      'somebody in secret, with the host as the decoy',
      hello({ names: ['a.test'], extensions: [[0xfe0d, Buffer.alloc(9)]] }),
    ],
    ['another host, in pieces', inRecords(clientHello({ names: ['evil.test'] }), 3, 50, 1)],
    ['nothing: SSH', 'SSH-2.0-OpenSSH\r\n'],
    ['nothing: HTTP', 'GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n'],
    ['nothing: HTTP/2 in clear', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('%s: not a byte passes', async (_, bytes) => {
    const [w, server] = [await world(), await listener()]
    w.rules({ allow: [local(server.port), { host: 'b.test', ports: [server.port], addresses: LOOPBACK }] })
    const door = await w.open()
    const { status, socket } = await askTunnel(door, `a.test:${server.port}`)
    expect(status).toBe(200)
    const answer = await say(socket, bytes)
    expect(answer.length === 0 || answer.equals(Buffer.from([21, 3, 3, 0, 2, 2, 112]))).toBe(true)
    expect(server.heard()).toBe('')
    await expect.poll(() => w.records('egress.ended')).toMatchObject([{ code: 'EGRESS_PROXY_SNI', bytes_up: 0 }])
  })

  it('is read however it is cut, and then all of it passes on, once and in order', async () => {
    const [w, server] = [await world(), await listener()]
    w.allow(local(server.port))
    const { socket } = await askTunnel(await w.open(), `a.test:${server.port}`)
    const bytes = inRecords(clientHello({ names: ['A.TEST'] }), 3, 50, 1)
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await expect.poll(() => server.heard()).toBe(bytes.toString('latin1'))
    socket.write('and more')
    await expect.poll(() => server.heard()).toBe(`${bytes.toString('latin1')}and more`)
  })

  it('is looked at in bytes that come with the CONNECT itself, before it was answered', async () => {
    const [w, server] = [await world(), await listener()]
    w.allow(local(server.port))
    const door = await w.open()
    const authority = `a.test:${server.port}`
    const send = async (bytes: Buffer) => {
      const { socket } = await askTunnel(
        door,
        authority,
        `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n${bytes.toString('latin1')}`,
      )
      return socket
    }
    await say(await send(hello({ names: ['evil.test'] })))
    expect(server.heard()).toBe('')
    const right = hello({ names: ['a.test'] })
    await send(right)
    await expect.poll(() => server.heard()).toBe(right.toString('latin1'))
  })
})

describe('requests that two parsers could read in two ways', () => {
  const rows = (host: string): Record<string, string> => {
    const line = (method: string) => `${method} http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n`
    const evil = `0\r\n\r\n${line('GET')}X: smuggled\r\n\r\n`
    return {
      'CL and TE': `${line('POST')}Content-Length: ${evil.length}\r\nTransfer-Encoding: chunked\r\n\r\n${evil}`,
      'TE and CL': `${line('POST')}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${evil}`,
      'an odd TE': `${line('POST')}Transfer-Encoding: xchunked\r\n\r\n${evil}`,
      'a TE with two codings': `${line('POST')}Transfer-Encoding: gzip, chunked\r\n\r\n${evil}`,
      'TE twice': `${line('POST')}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${evil}`,
      'a TE with a tab': `${line('POST')}Transfer-Encoding:\tchunked, identity\r\n\r\n${evil}`,
      'two equal CL': `${line('POST')}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`,
      'two CL': `${line('POST')}Content-Length: 1\r\nContent-Length: 9\r\n\r\nx`,
      'a list of CL': `${line('POST')}Content-Length: 1, 1\r\n\r\nx`,
      'a CL with a sign': `${line('POST')}Content-Length: +1\r\n\r\nx`,
      'a folded header': `${line('GET')}X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n`,
      'a folded first header': `GET http://${host}/ HTTP/1.1\r\n Host: ${host}\r\n\r\n`,
      'a space before the colon': `GET http://${host}/ HTTP/1.1\r\nHost : ${host}\r\n\r\n`,
      'line feeds alone': `${line('GET').replaceAll('\r', '')}\n`,
      'a line feed alone': `${line('GET')}X: y\nZ: a\r\n\r\n`,
      'a carriage return alone': `${line('GET')}X: y\rZ: a\r\n\r\n`,
      'a NUL': `${line('GET')}X: a\0b\r\n\r\n`,
      'Host twice': `${line('GET')}Host: evil.test\r\n\r\n`,
      'Host in two spellings': `${line('GET')}HOST: ${host}\r\n\r\n`,
      'no Host': `GET http://${host}/ HTTP/1.1\r\n\r\n`,
      'another Host': `GET http://${host}/ HTTP/1.1\r\nHost: evil.test\r\n\r\n`,
      'another port in Host': `GET http://${host}/ HTTP/1.1\r\nHost: a.test:1\r\n\r\n`,
      'a Host with a user': `GET http://${host}/ HTTP/1.1\r\nHost: x@${host}\r\n\r\n`,
      'a Host with a path': `GET http://${host}/ HTTP/1.1\r\nHost: ${host}/x\r\n\r\n`,
      'a path alone': `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      'two slashes': `GET //${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      'a URL of https': `GET https://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      'a URL of ftp': `GET ftp://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      'a URL with a user': `GET http://u@${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      'an asterisk': `OPTIONS * HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      'HTTP/0.9': `GET http://${host}/\r\n\r\n`,
      'HTTP/1.0': `GET http://${host}/ HTTP/1.0\r\nHost: ${host}\r\n\r\n`,
      'HTTP/2 by name': `GET http://${host}/ HTTP/2.0\r\nHost: ${host}\r\n\r\n`,
      'HTTP/2 in clear': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'an upgrade to h2c': `${line('GET')}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
      'a WebSocket': `${line('GET')}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n`,
      'an upgrade that Connection does not name': `${line('GET')}Upgrade: websocket\r\n\r\n`,
      'a Connection that takes headers away': `${line('GET')}Connection: close, X-Auth\r\nX-Auth: 1\r\n\r\n`,
      'TE as a header': `${line('GET')}TE: trailers\r\n\r\n`,
      'announced trailers': `${line('POST')}Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n`,
      'any header twice': `${line('GET')}Cookie: a\r\ncookie: b\r\n\r\n`,
      '101 headers': `${line('GET')}${Array.from({ length: 101 }, (_, i) => `X-${i}: 1\r\n`).join('')}\r\n`,
      'a head of 20 KB': `${line('GET')}X: ${'y'.repeat(20_000)}\r\n\r\n`,
      'another method by a header': `${line('POST')}X-HTTP-Method-Override: DELETE\r\nContent-Length: 0\r\n\r\n`,
      'a claim of who asks': `${line('GET')}X-Forwarded-For: 127.0.0.1\r\n\r\n`,
      'a body with GET': `${line('GET')}Content-Length: 1\r\n\r\nx`,
      TRACE: `${line('TRACE')}\r\n`,
      'an unknown method': `${line('PROPFIND')}\r\n`,
      'bytes of TLS': inRecords(clientHello({ names: ['a.test'] })).toString('latin1'),
    }
  }
  it.each(Object.keys(rows('')))('%s: refused, and nothing is sent', async (name) => {
    const [w, server] = [await world(), await plain()]
    w.allow(http(server.port))
    const { status } = await speak(await w.open(), rows(`a.test:${server.port}`)[name] ?? '')
    expect([0, 400, 403, 431]).toContain(status)
    expect(server.connections()).toBe(0)
  })

  const connects: Record<string, string> = {
    'a body by length': 'Content-Length: 3\r\n',
    'a body in chunks': 'Transfer-Encoding: chunked\r\n',
    'an upgrade': 'Connection: upgrade\r\nUpgrade: x\r\n',
    'a header twice': 'X: 1\r\nX: 1\r\n',
  }
  it.each(Object.keys(connects))('a CONNECT with %s opens nothing', async (name) => {
    const [w, server] = [await world(), await listener()]
    w.allow(local(server.port))
    const authority = `a.test:${server.port}`
    const head = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${connects[name]}\r\nabc`
    expect((await speak(await w.open(), head)).status).toBe(400)
    expect(server.connections()).toBe(0)
  })

  it('one connection carries one request: what is packed behind it is neither sent nor answered', async () => {
    const [w, server] = [await world(), await plain()]
    w.allow(http(server.port), local(server.port))
    const host = `a.test:${server.port}`
    const one = (path: string) => `GET http://${host}${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
    const door = await w.open()
    await speak(door, one('/1') + one('/2'))
    await speak(door, `${one('/3')}CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    await speak(door, `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n${one('/4')}`)
    expect(server.requests.filter((request) => /\/[24]/.test(request))).toEqual([])
    expect(w.records('check.before_egress').filter(({ subject }) => JSON.stringify(subject).includes('/2'))).toEqual([])
  })
})

describe('who reaches the listener is the connector', () => {
  it('rules of another connector do not count, whatever the client says of itself', async () => {
    const [w, server] = [await world(), await listener()]
    w.allow(local(server.port))
    const other = await w.open({ connector: 'other' })
    const authority = `a.test:${server.port}`
    const claims = ['Proxy-Authorization: Basic bWFpbDp4', 'X-Connector: mail', 'Cookie: connector=mail']
    for (const claim of claims) {
      const head = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${claim}\r\n\r\n`
      expect((await askTunnel(other, authority, head)).status).toBe(403)
    }
    expect(server.connections()).toBe(0)
    expect((await askTunnel(await w.open(), authority)).status).toBe(200)
  })

  it('a door of one listens on the loopback alone', async () => {
    const w = await world()
    const { port = 0 } = await w.open()
    const { networkInterfaces } = await import('node:os')
    const outer = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4')
    for (const { address } of outer) {
      const code = await new Promise((resolve) => {
        const socket = connect(port, address, () => resolve('connected'))
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
      })
      expect(code).toBe('ECONNREFUSED')
    }
  })
})

describe('whatever breaks, nothing leaves', () => {
  const authority = (port: number) => `a.test:${port}`
  const both = async (w: ProxyWorld, door: EgressDoor, server: LoopbackServer): Promise<Answer[]> => {
    w.allow(local(server.port), http(server.port))
    const host = authority(server.port)
    const answers = [
      await askTunnel(door, host),
      await speak(door, `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
    ]
    return answers
  }
  const refusedBoth = async (options: WorldOptions) => {
    const [w, server] = [await world(options), await plain()]
    const answers = await both(w, await w.open(), server)
    expect(server.requests).toEqual([])
    return { w, server, statuses: answers.map(({ status }) => status) }
  }

  it.each<[string, () => GuardAnswer | Promise<GuardAnswer>]>([
    ['denies', () => deny('no')],
    ['asks', () => ask('sure?', 'k')],
    ['abstains', () => undefined],
    [
      'throws',
      () => {
        throw new Error('x')
      },
    ],
    ['rejects with nothing', () => Promise.reject(undefined)],
    ['answers junk', () => 'allow' as never],
    ['answers true', () => true as never],
    ['hangs', () => new Promise(() => undefined)],
  ])('a firewall that %s', async (_, vote) => {
    const { server, statuses } = await refusedBoth({ vote, limits: { checkMs: 100 } })
    expect(statuses).toEqual([403, 403])
    expect(server.connections()).toBe(0)
  })

  it.each<[string, () => GuardAnswer]>([
    ['denies', () => deny('no')],
    ['asks, with nobody to answer', () => ask('sure?', 'k')],
    ['abstains', () => undefined],
  ])('a policy that %s', async (_, gate) => {
    const { server, statuses } = await refusedBoth({ gate })
    expect(statuses).toEqual([403, 403])
    expect(server.connections()).toBe(0)
  })

  const broken = () => Promise.reject(new Error('out of order'))
  it.each<[string, WorldOptions['firewall']]>([
    ['throws', () => ({ connect: broken, fetch: broken })],
    [
      'throws at once',
      () => ({
        connect: () => {
          throw new Error('x')
        },
        read: () => {
          throw new Error('x')
        },
      }),
    ],
    ['answers junk', () => ({ connect: async () => ({}) as never, fetch: async () => ({}) as never })],
    ['answers nothing', () => ({ connect: async () => undefined as never, fetch: async () => undefined as never })],
  ])('a firewall service that %s', async (_, firewall) => {
    const { server, statuses } = await refusedBoth(firewall ? { firewall } : {})
    expect(statuses.filter((status) => status === 0 || status >= 400 || status === 200)).toHaveLength(2)
    expect(server.connections()).toBe(0)
  })

  it('a firewall service that hangs ends with the door', async () => {
    const never = () => new Promise<never>(() => undefined)
    const [w, server] = [await world({ firewall: () => ({ connect: never, fetch: never }) }), await plain()]
    w.allow(local(server.port))
    const door = await w.open()
    const asking = askTunnel(door, authority(server.port))
    await expect.poll(() => w.records('egress.intent')).toHaveLength(1)
    await door.close()
    expect((await asking).status).toBe(0)
    expect(server.connections()).toBe(0)
  })

  it('an audit log that cannot be written', async () => {
    const [w, server] = [await world(), await plain()]
    w.audit.fail(new Error('disk full'))
    const answers = await both(w, await w.open(), server)
    expect(answers.map(({ status }) => status)).toEqual([403, 403])
    expect(server.connections()).toBe(0)
  })

  it.each(['check.before_egress', 'egress.outcome'])(
    'an audit log that hangs on %s: not a byte passes, though a connection was made',
    async (type) => {
      const server = await listener()
      const w = await world({
        limits: { recordMs: 150 },
        log: (real) => ({
          append: (record) => (record.type === type ? new Promise(() => undefined) : real.append(record)),
        }),
      })
      w.allow(local(server.port))
      const host = authority(server.port)
      const hello = inRecords(clientHello({ names: ['a.test'] })).toString('latin1')
      const head = `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n${hello}`
      const { status, socket } = await askTunnel(await w.open(), host, head)
      expect(status).toBe(502)
      socket.destroy()
      await expect.poll(() => [server.connections(), server.left()]).toEqual([1, 0])
      expect(server.heard()).toBe('')
    },
  )

  it('a rule that goes while the connection is being made', async () => {
    const { buildConnector } = await import('undici')
    const real = buildConnector({})
    const server = await listener()
    const w = await world({
      parts: {
        connect: (options, callback) => {
          w.allow()
          real(options, callback)
        },
      },
    })
    w.allow(local(server.port))
    const { status, headers } = await askTunnel(await w.open(), authority(server.port))
    expect([status, headers['proxy-status']]).toEqual([403, expect.stringContaining('EGRESS_REVOKED')])
    await expect.poll(() => server.left()).toBe(0)
  })

  it('a client that goes away at any time leaves no tunnel and no crash', async () => {
    const server = await tlsServer(cert, (_, response) => response.end('x'))
    open.push(server)
    const w = await world({ config: { connections: 4, idleMs: 300 } })
    w.allow(local(server.port))
    const door = await w.open()
    const host = authority(server.port)
    const bytes = `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n${inRecords(clientHello({ names: ['a.test'] })).toString('latin1')}`
    for (let i = 0; i < 40; i++) {
      const socket = dialDoor(door)
      socket.write(Buffer.from(bytes.slice(0, (i * bytes.length) / 39), 'latin1'))
      await new Promise((resolve) => setTimeout(resolve, i % 5))
      if (i % 2) socket.resetAndDestroy()
      else socket.destroy()
    }
    await expect.poll(async () => (await askTunnel(door, host)).status, { timeout: 5_000 }).toBe(200)
    const { socket } = await askTunnel(door, host)
    const tls = await tlsThrough(socket, { servername: 'a.test', ca: cert.cert })
    expect(await getThrough(tls, 'a.test')).toContain('x')
  })

  it('a vote that allows lets it through: the rows above are refused for their reason', async () => {
    const [w, server] = [await world({ vote: () => allow() }), await plain()]
    const answers = await both(w, await w.open(), server)
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
  })
})
