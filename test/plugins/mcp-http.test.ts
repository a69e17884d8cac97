import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Json, JsonObject } from 'cloned/kernel'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { mustAgree, mustAgreeOnParams } from '../../plugins/mcp/headers.js'
import { readState, type State, writeState } from '../../plugins/mcp/state.js'
import { type McpWorld, MODERN, mcpWorld } from './mcp-fixture.js'

let world: McpWorld
let server: Server
let port = 0
beforeAll(async () => {
  world = await mcpWorld()
  const door = world.door({ only: 'features' })
  // Whose request it is, is the host's to know; here a header says it.
  server = createServer((request, response) =>
    door.http(request, response, { key: String(request.headers['x-test-user'] ?? 'test'), hosts: ['gateway.example'] }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await world.close()
})

interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** The last message, of a document or of a stream. */
  readonly message: { result?: JsonObject; error?: { code: number; message: string }; id?: Json } | undefined
}

function http(method: string, headers: Record<string, string>, body?: string): Promise<Got> {
  return new Promise((resolve, reject) => {
    const request = send({ host: '127.0.0.1', port, path: '/mcp', method, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => {
        const lines = text.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []))
        const last = lines.at(-1) ?? (text.startsWith('{') ? text : undefined)
        const { statusCode: status = 0, headers: got } = response
        resolve({ status, headers: got, text, message: last === undefined ? undefined : JSON.parse(last) })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

const BASE = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const post = (message: Json, headers: Record<string, string> = {}) =>
  http('POST', { ...BASE, ...headers }, JSON.stringify(message))
const rpc = (method: string, params: JsonObject = {}, id: Json = 1) => ({ jsonrpc: '2.0', id, method, params })
const INITIALIZE = rpc('initialize', {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 't', version: '1' },
})
const META = {
  _meta: { 'io.modelcontextprotocol/protocolVersion': MODERN, 'io.modelcontextprotocol/clientCapabilities': {} },
}
const modern = (method: string, params: JsonObject = {}, headers: Record<string, string> = {}) =>
  post(rpc(method, { ...params, ...META }), { 'mcp-protocol-version': MODERN, 'mcp-method': method, ...headers })
const session = async (headers: Record<string, string> = {}) => {
  const { headers: got } = await post(INITIALIZE, headers)
  return { 'mcp-session-id': String(got['mcp-session-id']) }
}

describe('where a request may come from', () => {
  it.each<[string, Record<string, string>, number]>([
    ['its own name', { host: 'localhost:1' }, 200],
    ['the address', { host: '127.0.0.1' }, 200],
    ['the address of IPv6', { host: '[::1]:80' }, 200],
    ['a name that the host knows', { host: 'gateway.example' }, 200],
    ['its own page', { origin: 'http://localhost:3000' }, 200],
    ['another name', { host: 'evil.example' }, 403],
    ['a name that only begins like its own', { host: 'localhost.evil.example' }, 403],
    ["another site's page", { origin: 'https://evil.example' }, 403],
    ['a page of no site', { origin: 'null' }, 403],
    ["a page that is no URL's", { origin: 'nonsense' }, 403],
  ])('%s', async (_, headers, status) => {
    expect((await post(INITIALIZE, headers)).status).toBe(status)
  })

  it.each<[string, string, Record<string, string>, string | undefined, number]>([
    ['another method', 'PUT', {}, '{}', 405],
    ['another type', 'POST', { 'content-type': 'text/plain' }, '{}', 415],
    ['a type that only mentions it', 'POST', { 'content-type': 'text/plain; x=application/json' }, '{}', 415],
    ['no JSON', 'POST', {}, '{', 400],
    ['a number', 'POST', {}, '7', 400],
    ['a batch', 'POST', {}, '[]', 400],
    ['no session and no revision', 'POST', {}, JSON.stringify(rpc('tools/list')), 400],
    ['a stream without a session', 'GET', {}, undefined, 405],
    ['an end without a session', 'DELETE', {}, undefined, 400],
  ])('%s is refused', async (_, method, headers, body, status) => {
    expect((await http(method, { ...BASE, ...headers }, body)).status).toBe(status)
  })

  it('a body that is too large is not read to its end', async () => {
    const ended = http('POST', BASE, 'x'.repeat(33 * 1024 * 1024)).then(
      ({ status }) => status,
      () => 413,
    )
    expect(await ended).toBe(413)
  })
})

describe('requests without a session', () => {
  it('of one credential are at most 256 at once, on however many connections', async () => {
    const mine = { 'x-test-user': 'flood' }
    const method = 'subscriptions/listen'
    const body = JSON.stringify(rpc(method, { notifications: { toolsListChanged: true }, ...META }))
    const headers = { ...BASE, ...mine, 'mcp-protocol-version': MODERN, 'mcp-method': method }
    const standing = Array.from({ length: 256 }, () =>
      send({ host: '127.0.0.1', port, path: '/mcp', method: 'POST', headers }),
    )
    const answered = standing.map(async (request) => {
      const [response] = await once(request, 'response')
      return response.statusCode
    })
    for (const request of standing) request.on('error', () => undefined).end(body)
    expect(new Set(await Promise.all(answered))).toEqual(new Set([200]))
    expect((await modern('tools/list', {}, mine)).status).toBe(429)
    expect((await modern('tools/list', {}, { 'x-test-user': 'another' })).status).toBe(200)
    for (const request of standing) request.destroy()
    await vi.waitFor(async () => expect((await modern('tools/list', {}, mine)).status).toBe(200), { timeout: 10_000 })
  })
})

describe('sessions', () => {
  it('answer until they are ended', async () => {
    const headers = await session()
    expect((await post({ jsonrpc: '2.0', method: 'notifications/initialized' }, headers)).status).toBe(202)
    expect((await post(rpc('ping'), headers)).message?.result).toEqual({})
    expect((await http('DELETE', headers)).status).toBe(204)
    expect((await post(rpc('ping'), headers)).status).toBe(404)
  })

  it('cannot be guessed, and are nobody else’s', async () => {
    const headers = await session()
    const ids = await Promise.all(Array.from({ length: 20 }, () => session()))
    expect(new Set(ids.map((each) => each['mcp-session-id'])).size).toBe(20)
    for (const each of ids) expect(each['mcp-session-id']).toMatch(/^[\w-]{32}$/)
    expect((await post(rpc('ping'), { ...headers, 'x-test-user': 'somebody else' })).status).toBe(404)
    expect((await post(rpc('ping'), { 'mcp-session-id': 'A'.repeat(32) })).status).toBe(404)
    expect((await post(rpc('ping'), { 'mcp-session-id': '' })).status).toBe(404)
    expect((await post(rpc('ping'), headers)).status).toBe(200)
  })

  it('one credential has at most 100; the one used longest ago ends first', async () => {
    const mine = { 'x-test-user': 'greedy' }
    const first = await session(mine)
    for (let i = 0; i < 100; i++) await session(mine)
    expect((await post(rpc('ping'), { ...first, ...mine })).status).toBe(404)
  })

  it('speak no revision that has none', async () => {
    const headers = await session()
    expect((await post(rpc('ping'), { ...headers, 'mcp-protocol-version': MODERN })).status).toBe(400)
    expect((await post(rpc('ping'), { ...headers, 'mcp-protocol-version': '2025-06-18' })).status).toBe(200)
  })

  it('a call with progress is answered as a stream, for those who take streams', async () => {
    const headers = await session()
    const params = { name: 'test_tool_with_progress', _meta: { progressToken: 1 } }
    const streamed = await post(rpc('tools/call', params), headers)
    expect(streamed.headers['content-type']).toBe('text/event-stream')
    expect(streamed.text.match(/notifications\/progress/g)).toHaveLength(3)
    expect(streamed.message).toMatchObject({ id: 1, result: { content: [{ text: 'Done.' }] } })
    const plain = await post(rpc('tools/call', params), { ...headers, accept: 'application/json' })
    expect(plain.headers['content-type']).toBe('application/json')
    expect(plain.message).toMatchObject({ result: { content: [{ text: 'Done.' }] } })
  })
})

describe('headers of a request without a session', () => {
  const call = { name: 'test_x_mcp_header', arguments: { region: 'eu' } }
  const right = { 'mcp-name': 'test_x_mcp_header', 'mcp-param-region': 'eu' }

  it.each<[string, Record<string, string>, number]>([
    ['as they should be', right, 200],
    ['in base64', { ...right, 'mcp-param-region': '=?base64?ZXU=?=' }, 200],
    ['with another method', { ...right, 'mcp-method': 'tools/list' }, 400],
    ['with the method in capitals', { ...right, 'mcp-method': 'TOOLS/CALL' }, 400],
    ['with another name', { ...right, 'mcp-name': 'greet' }, 400],
    ['without a name', { 'mcp-param-region': 'eu' }, 400],
    ['with another parameter', { ...right, 'mcp-param-region': 'us' }, 400],
    ['without the parameter', { 'mcp-name': 'test_x_mcp_header' }, 400],
    ['in base64 that is none', { ...right, 'mcp-param-region': '=?base64?ZX!?=' }, 400],
    ['with another revision', { ...right, 'mcp-protocol-version': '2025-11-25' }, 400],
  ])('%s', async (_, headers, status) => {
    const got = await modern('tools/call', call, headers)
    expect(got.status).toBe(status)
    if (status === 400) expect(got.message).toMatchObject({ id: 1, error: { code: -32020 } })
  })

  it('that name a revision nobody knows are told which there is', async () => {
    const params = { _meta: { 'io.modelcontextprotocol/protocolVersion': 'v9' } }
    const got = await post(rpc('tools/list', params), { 'mcp-protocol-version': 'v9', 'mcp-method': 'tools/list' })
    expect(got.message?.error).toMatchObject({ code: -32022, data: { supported: [MODERN], requested: 'v9' } })
  })

  it('never pass for a name that the body does not have', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (given, name) => {
        const request = {
          headers: { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/call', 'mcp-name': given },
          async *[Symbol.asyncIterator]() {},
        }
        const check = () => mustAgree(request, { method: 'tools/call', params: { name, ...META } })
        const wrapped = /^=\?base64\?(.*)\?=$/.exec(given.trim())?.[1]
        const says = wrapped === undefined ? given.trim() : Buffer.from(wrapped, 'base64').toString()
        if (says === name) return
        expect(check).toThrow(/Mcp-Name/)
      }),
    )
  })

  it('speak for parameters of every plain type', () => {
    const schema = { properties: { n: { 'x-mcp-header': 'N' } } }
    const check = (header: string, n: Json) => () =>
      mustAgreeOnParams({ headers: { 'mcp-param-n': header }, async *[Symbol.asyncIterator]() {} }, schema, { n })
    expect(check('7', 7)).not.toThrow()
    expect(check('true', true)).not.toThrow()
    expect(check('7.0', 7)).toThrow(/Mcp-Param-N/)
    expect(check('', null)).toThrow(/Mcp-Param-N/)
  })
})

describe('the state that a client brings back', () => {
  const key = { kid: '0', mac: (data: string | Buffer) => createHmac('sha256', 'key').update(data).digest('hex') }
  const bound = { method: 'tools/call', target: 't', args: 'a', credential: 'c' }
  const state: State = { ...bound, running: 'r', round: 1, expires: 10 }

  it('is read back as it was written, in time', () => {
    const text = writeState(key, state)
    expect(readState(key, text, bound, 9)).toEqual(state)
    expect(() => readState(key, text, bound, 10)).toThrow(/requestState/)
  })

  it('is refused after any change of its text, and for anything else it is bound to', () => {
    const text = writeState(key, state)
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('A', '0', '.', ' ', ''), (at, by) => {
        const changed = text.slice(0, at) + by + text.slice(at + 1)
        if (changed !== text) expect(() => readState(key, changed, bound, 1)).toThrow(/requestState/)
      }),
    )
    for (const part of Object.keys(bound)) {
      expect(() => readState(key, text, { ...bound, [part]: 'other' }, 1)).toThrow(/requestState/)
    }
  })
})
