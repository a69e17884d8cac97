// What requests do when they are allowed: the shape of a response, redirects that are followed, secrets, and TLS names.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer as createTls } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { FetchInit, SecretSlot } from '../../plugins/firewall/slot.js'
import {
  codeOf,
  type FetchWorld,
  fetchWorld,
  httpServer,
  LOOPBACK,
  type LoopbackServer,
  listening,
} from './firewall-fixture.js'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

interface Seen {
  readonly url: string
  readonly method: string
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}

/** A server that keeps what it was sent, and a world that may ask it. */
async function echo(
  answer?: RequestListener,
): Promise<{ w: FetchWorld; origin: string; seen: Seen[]; server: LoopbackServer }> {
  const seen: Seen[] = []
  const server = await httpServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { url = '', method = '', headers } = request
      seen.push({ url, method, headers, body: Buffer.concat(chunks).toString() })
      if (answer) answer(request, response)
      else response.end('ok')
    })
  })
  const w = await fetchWorld({ 'a.test': [['127.0.0.1']], 'b.test': [['127.0.0.1']] })
  open.push(server, w)
  const rule = { schemes: ['http' as const], ports: [server.port], addresses: LOOPBACK }
  w.allow({ host: 'a.test', ...rule }, { host: 'b.test', ...rule })
  return { w, origin: `http://a.test:${server.port}`, seen, server }
}

describe('a response', () => {
  it('has the shape of the Fetch standard', async () => {
    const { w, origin } = await echo((_, response) => {
      response.writeHead(418, { 'content-type': 'application/json', 'set-cookie': ['a=1', 'b=2'] }).end('{"a":"ü"}')
    })
    const response = await w.get(`${origin}/x?y=1#z`)
    expect(response).toMatchObject({ status: 418, ok: false, redirected: false, url: `${origin}/x?y=1` })
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(response.json()).toEqual({ a: 'ü' })
    expect(response.text()).toBe('{"a":"ü"}')
    expect(response.bytes()).toHaveLength(10)
  })

  it.each<[string, (text: Buffer) => Buffer]>([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['gzip, br', (text) => brotliCompressSync(gzipSync(text))],
    ['identity', (text) => text],
    ['GZIP', gzipSync],
  ])('that is encoded as %s is decoded', async (coding, encode) => {
    const { w, origin } = await echo((_, response) => {
      response.writeHead(200, { 'content-encoding': coding }).end(encode(Buffer.from('plain '.repeat(1000))))
    })
    expect((await w.get(origin)).text()).toBe('plain '.repeat(1000))
  })

  it('to HEAD has no body, whatever its length and coding say', async () => {
    const { w, origin } = await echo((_, response) => {
      response.writeHead(200, { 'content-length': '99999999', 'content-encoding': 'gzip' }).end()
    })
    expect((await w.get(origin, { method: 'HEAD', maxBytes: 10 })).bytes()).toHaveLength(0)
  })

  it('may be as large as was asked for, to the byte', async () => {
    const { w, origin } = await echo((_, response) => response.end('x'.repeat(1000)))
    expect((await w.get(origin, { maxBytes: 1000 })).text()).toHaveLength(1000)
    expect(await codeOf(w.get(origin, { maxBytes: 999 }))).toBe('EGRESS_RESPONSE')
  })
})

describe('a redirect', () => {
  const chain: RequestListener = (request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://x')
    const status = Number(searchParams.get('status'))
    if (!status) return void response.end('landed')
    response.writeHead(status, { location: searchParams.get('to') ?? '/landed' }).end()
  }

  it.each<[number, string, string, string]>([
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [301, 'PUT', 'PUT', 'body'],
    [307, 'POST', 'POST', 'body'],
    [308, 'PATCH', 'PATCH', 'body'],
  ])('%i after %s goes on as %s with the body %j', async (status, method, next, body) => {
    const { w, origin, seen } = await echo(chain)
    const response = await w.get(`${origin}/?status=${status}`, {
      method,
      body: 'body',
      headers: { 'content-type': 'text/plain', 'x-a': '1' },
    })
    expect(response).toMatchObject({ status: 200, redirected: true, url: `${origin}/landed` })
    expect(seen[1]).toMatchObject({ method: next, body, headers: { 'x-a': '1' } })
    expect('content-type' in (seen[1]?.headers ?? {})).toBe(body !== '')
  })

  it('is the response itself when it is not to be followed', async () => {
    const { w, origin, seen } = await echo(chain)
    const response = await w.get(`${origin}/?status=302`, { redirect: 'manual' })
    expect(response).toMatchObject({ status: 302, redirected: false })
    expect(response.headers.get('location')).toBe('/landed')
    expect(seen).toHaveLength(1)
  })

  it('to another allowed host is followed', async () => {
    const { w, origin, server } = await echo(chain)
    const to = encodeURIComponent(`http://b.test:${server.port}/x`)
    expect(await w.get(`${origin}/?status=302&to=${to}`)).toMatchObject({ url: `http://b.test:${server.port}/x` })
  })
})

describe('secrets', () => {
  const slots: SecretSlot[] = [
    { secret: 'token', in: 'header', name: 'Authorization' },
    { secret: 'key', in: 'query', name: 'api key' },
    { secret: 'pass', in: 'body', name: 'password' },
  ]
  const bind: NonNullable<FetchInit['bind']> = ({ secret }) => `${secret}-&"ü?`

  it('go where their slots are, last of all, and show nowhere else', async () => {
    const { w, origin, seen } = await echo()
    const checked: unknown[] = []
    const bound: unknown[] = []
    const binding: typeof bind = (slot, request) => {
      bound.push(request)
      return bind(slot, request)
    }
    const body = JSON.stringify({ user: 'u', password: 'placeholder' })
    const init = { method: 'POST', body, headers: { 'content-type': 'application/json', authorization: 'placeholder' } }
    const response = await w.get(
      `${origin}/p?a=1`,
      { ...init, secrets: slots, bind: binding },
      { check: (hop) => void checked.push(hop) },
    )
    expect(seen[0]?.url).toBe('/p?a=1&api%20key=key-%26%22%C3%BC%3F')
    expect(seen[0]?.headers['authorization']).toBe(Buffer.from('token-&"ü?', 'latin1').toString('latin1'))
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ user: 'u', password: 'pass-&"ü?' })
    expect(checked).toEqual([{ method: 'POST', url: `${origin}/p?a=1` }])
    expect(bound).toEqual(Array(3).fill({ method: 'POST', url: `${origin}/p?a=1`, host: 'a.test' }))
    expect(response.url).toBe(`${origin}/p?a=1`)
  })

  it('go into a form', async () => {
    const { w, origin, seen } = await echo()
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
    const secrets = slots.filter((slot) => slot.in === 'body')
    await w.get(origin, { method: 'POST', body: 'user=u', headers, secrets, bind })
    expect(new URLSearchParams(seen[0]?.body).get('password')).toBe('pass-&"ü?')
    expect(new URLSearchParams(seen[0]?.body).get('user')).toBe('u')
  })

  it.each<[string, Partial<FetchInit>]>([
    ['nothing binds them', {}],
    ['what binds them answers no text', { bind: () => 7 as unknown as string }],
    ['the value would break the header', { bind: () => 'x\r\nhost: evil' }],
    ['the header is not the caller’s', { bind, secrets: [{ secret: 's', in: 'header', name: 'Host' }] }],
    [
      'the body is no JSON object',
      {
        bind,
        secrets: [{ secret: 's', in: 'body', name: 'x' }],
        body: '[1]',
        headers: { 'content-type': 'application/json' },
      },
    ],
    ['the body is of no known type', { bind, secrets: [{ secret: 's', in: 'body', name: 'x' }], body: 'x' }],
    ['the slot is unknown', { bind, secrets: [{ secret: 's', in: 'path' as 'query', name: 'x' }] }],
  ])('are not sent when %s, and neither is anything else', async (_, init) => {
    const { w, origin, server } = await echo()
    const request = w.get(origin, { method: 'POST', secrets: slots.slice(0, 1), ...init })
    await expect(request).rejects.toMatchObject({ code: 'EGRESS_REQUEST' })
    await expect(request).rejects.not.toThrow(/evil/)
    expect(server.connections()).toBe(0)
  })

  it('are not sent when binding them fails', async () => {
    const { w, origin, server } = await echo()
    const failing = () => Promise.reject(new Error('vault is locked'))
    await expect(w.get(origin, { secrets: slots.slice(0, 1), bind: failing })).rejects.toThrow('vault is locked')
    expect(server.connections()).toBe(0)
  })

  it('are bound again for a redirect within the origin, and end one to another', async () => {
    const { w, origin, seen, server } = await echo((request, response) => {
      if (request.url?.startsWith('/away')) response.writeHead(302, { location: `http://b.test:${server.port}/` }).end()
      else if (request.url?.startsWith('/on')) response.writeHead(302, { location: '/landed' }).end()
      else response.end('ok')
    })
    const secrets = slots.slice(0, 2)
    await w.get(`${origin}/on`, { secrets, bind })
    expect(seen.map(({ url }) => url)).toEqual([
      '/on?api%20key=key-%26%22%C3%BC%3F',
      '/landed?api%20key=key-%26%22%C3%BC%3F',
    ])
    expect(await codeOf(w.get(`${origin}/away`, { secrets, bind }))).toBe('EGRESS_REDIRECT')
    expect(seen.filter(({ headers }) => String(headers['host']).startsWith('b.test'))).toEqual([])
  })
})

const openssl = hasOpenssl()
if (!openssl && process.env['CI'] === 'true') throw new Error('openssl is missing, and these rules need it')

describe.skipIf(!openssl)('TLS (needs openssl)', () => {
  let directory = ''
  let key = ''
  let cert = ''
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'cloned-tls-'))
    const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
    const subject = ['-subj', '/CN=a.test', '-addext', 'subjectAltName=DNS:a.test,IP:127.0.0.1']
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
    execFileSync('openssl', ['req', ...kind, '-keyout', keyFile, '-out', certFile, ...subject], { stdio: 'ignore' })
    key = readFileSync(keyFile, 'utf8')
    cert = readFileSync(certFile, 'utf8')
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  async function secure() {
    const names: (string | false | null)[] = []
    const protocols: (string | false | null)[] = []
    const server = createTls({ key, cert, ALPNProtocols: ['h2', 'http/1.1'] }, (_, response) => response.end('secure'))
    server.on('secureConnection', (socket: TLSSocket & { servername?: string | false }) => {
      names.push(socket.servername ?? null)
      protocols.push(socket.alpnProtocol)
    })
    const listens = await listening(server, [], '127.0.0.1')
    open.push(listens)
    return { port: listens.port, names, protocols }
  }

  async function trusting(tls: { ca?: string } = { ca: cert }): Promise<FetchWorld> {
    const w = await fetchWorld({ 'a.test': [['127.0.0.1']], 'b.test': [['127.0.0.1']] }, { tls })
    open.push(w)
    return w
  }

  it('names the host that was judged, and speaks HTTP/1.1', async () => {
    const { port, names, protocols } = await secure()
    const w = await trusting()
    w.allow({ host: 'a.test', ports: [port], addresses: LOOPBACK })
    expect((await w.get(`https://A.TEST.:${port}/`)).text()).toBe('secure')
    expect(names).toEqual(['a.test'])
    expect(protocols).toEqual(['http/1.1'])
  })

  it('names no host for an address', async () => {
    const { port, names } = await secure()
    const w = await trusting()
    w.allow({ host: '127.0.0.1', ports: [port] })
    expect((await w.get(`https://127.0.0.1:${port}/`)).text()).toBe('secure')
    expect(names).toEqual([false])
  })

  it('refuses a certificate of another name, and one that nobody vouches for', async () => {
    const { port } = await secure()
    const w = await trusting()
    w.allow({ host: 'b.test', ports: [port], addresses: LOOPBACK })
    expect(await codeOf(w.get(`https://b.test:${port}/`))).toBe('EGRESS_FAILED')
    const stranger = await trusting({})
    stranger.allow({ host: 'a.test', ports: [port], addresses: LOOPBACK })
    expect(await codeOf(stranger.get(`https://a.test:${port}/`))).toBe('EGRESS_FAILED')
  })

  it('a Host header cannot name another certificate', async () => {
    const { port, names } = await secure()
    const w = await trusting()
    w.allow({ host: 'b.test', ports: [port], addresses: LOOPBACK })
    expect(await codeOf(w.get(`https://b.test:${port}/`, { headers: { host: 'a.test' } }))).toBe('EGRESS_REQUEST')
    expect(names).toEqual([])
  })
})

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
