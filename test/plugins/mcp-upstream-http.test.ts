// Servers behind an address: every request passes the firewall, whichever era they speak; their answers are taken as they are.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { approvalsSlot, type JsonObject } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { headerText, paramHeaders } from '../../plugins/mcp-upstream/http.js'
import { EventReader } from '../../plugins/mcp-upstream/sse.js'
import { vaultSlot } from '../../plugins/vault/slot.js'
import { testFirewall } from './connectors-egress-fixture.js'
import { type UpstreamWorld, upstreamWorld } from './mcp-upstream-fixture.js'

const ECHO = {
  name: 'echo',
  description: 'Says it again.',
  inputSchema: { type: 'object', properties: { text: { type: 'string', 'x-mcp-header': 'Text' } } },
  annotations: { readOnlyHint: true, openWorldHint: false },
}

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: JsonObject
  readonly result?: unknown
}

type Answer = (message: Message, request: IncomingMessage, response: ServerResponse) => void

describe('a server behind an address', () => {
  let world: UpstreamWorld
  let server: Server
  let url = ''
  let answer: Answer = () => undefined
  const heard: { readonly message: Message; readonly headers: IncomingMessage['headers'] }[] = []

  beforeEach(async () => {
    heard.length = 0
    server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => {
        const message = JSON.parse(body) as Message
        heard.push({ message, headers: request.headers })
        answer(message, request, response)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    url = `http://127.0.0.1:${port}/mcp`
    const rule = { host: '127.0.0.1', schemes: ['http' as const], ports: [port], addresses: ['127.0.0.0/8'] }
    world = await upstreamWorld({
      config: { 'cloned.vault': { plaintextLoopback: true } },
      plugins: [testFirewall({ names: '127.0.0.1:1', ca: '', allow: [rule] })],
    })
  })
  afterEach(async () => {
    await world.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  const json = (response: ServerResponse, value: unknown, status = 200, headers = {}) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
  const result = (id: Message['id'], value: unknown) => ({ jsonrpc: '2.0', id, result: value })
  const capabilities = { tools: {} }
  const legacy =
    (more: Record<string, Answer> = {}): Answer =>
    (message, request, response) => {
      const { id, method = '' } = message
      const own = more[method]
      if (own) own(message, request, response)
      else if (method === 'initialize') {
        json(
          response,
          result(id, { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'f', version: '1' } }),
          200,
          { 'mcp-session-id': 's-1' },
        )
      } else if (method === 'tools/list') json(response, result(id, { tools: [ECHO] }))
      else if (method === 'tools/call')
        json(response, result(id, { content: [{ type: 'text', text: 'ok' }], vendor: { x: 1 } }))
      else response.writeHead(202).end()
    }
  const wrap = () => world.ready('far', { kind: 'url', url, headers: {} })
  const call = () => world.call('far.echo', { text: 'hé' })

  it('of the era of sessions keeps its session, and answers as JSON', async () => {
    answer = legacy()
    await wrap()
    expect(await call()).toMatchObject({ status: 'done', output: { content: [{ text: 'ok' }], vendor: { x: 1 } } })
    const { headers } = heard.at(-1) ?? { headers: {} }
    expect(headers).toMatchObject({ 'mcp-session-id': 's-1', 'mcp-protocol-version': '2025-11-25' })
    expect(heard.map(({ message }) => message.method)).toContain('notifications/initialized')
  })

  it('of the era without sessions is told with each request who asks, for what', async () => {
    answer = (message, _, response) => {
      const { id, method, params } = message
      if (method === 'initialize')
        json(
          response,
          { jsonrpc: '2.0', id, error: { code: -32022, message: 'no', data: { supported: ['2026-07-28'] } } },
          400,
        )
      else if (method === 'server/discover')
        json(response, result(id, { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities }))
      else if (method === 'tools/list') json(response, result(id, { tools: [ECHO], ttlMs: 0, cacheScope: 'private' }))
      else if (params?.['inputResponses'] === undefined) {
        json(
          response,
          result(id, {
            resultType: 'input_required',
            requestState: 'signed',
            inputRequests: { who: { method: 'elicitation/create', params: { message: 'who?' } } },
          }),
        )
      } else
        json(
          response,
          result(id, {
            resultType: 'complete',
            content: [
              { type: 'text', text: JSON.stringify(params['inputResponses']) + String(params['requestState']) },
            ],
          }),
        )
    }
    await wrap()
    expect(await call()).toMatchObject({ status: 'failed', code: 'MCP_ERROR_32601' })
    const { headers, message } = heard.at(-1) ?? { headers: {}, message: {} }
    expect(headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'echo',
      'mcp-param-text': '=?base64?aMOp?=',
    })
    expect(headers).not.toHaveProperty('mcp-session-id')
    expect(message.params?.['_meta']).toMatchObject({
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    })
    const asked: unknown[] = []
    const got = await world.upstreams.request(
      'far',
      'prompts/get',
      { name: 'p' },
      {
        answer: async (...question) => {
          asked.push([question[0], question[1], question[3]])
          return { action: 'accept', content: {} }
        },
      },
    )
    expect(asked).toEqual([['elicitation/create', { message: 'who?' }, 'who']])
    expect(JSON.stringify(got)).toContain('signed')
  })

  it('streams progress, questions and its answer in one response', async () => {
    let open: ServerResponse | undefined
    let calling: Message['id']
    answer = legacy({
      'prompts/get': ({ id }, _, response) => {
        calling = id
        open = response.writeHead(200, { 'content-type': 'text/event-stream' })
        const event = (value: unknown) => response.write(`event: message\nid: 1\ndata: ${JSON.stringify(value)}\n\n`)
        event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: id, progress: 1 } })
        event({ jsonrpc: '2.0', id: 'q1', method: 'roots/list' })
      },
      '': ({ id, result: said }, _, response) => {
        response.writeHead(202).end()
        if (id === 'q1') open?.end(`data: ${JSON.stringify(result(calling, { said }))}\n\n`)
      },
    })
    await wrap()
    const progress: JsonObject[] = []
    const got = await world.upstreams.request(
      'far',
      'prompts/get',
      { name: 'p' },
      {
        onProgress: (said) => void progress.push(said),
        answer: async () => ({ roots: [] }),
      },
    )
    expect(got).toEqual({ said: { roots: [] } })
    expect(progress).toMatchObject([{ progress: 1 }])
  })

  it.each([
    [
      'a page',
      (_: Message, __: IncomingMessage, response: ServerResponse) =>
        void response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>'),
      /status 502/,
    ],
    [
      'a refusal',
      (_: Message, __: IncomingMessage, response: ServerResponse) => void response.writeHead(401).end(),
      /status 401: look at the secret/,
    ],
    [
      'a redirect',
      (_: Message, __: IncomingMessage, response: ServerResponse) =>
        void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
      /status 307/,
    ],
    [
      'nothing',
      (_: Message, __: IncomingMessage, response: ServerResponse) => void response.writeHead(200).end(),
      /status 200/,
    ],
    [
      'an answer to another',
      ({ id }: Message, __: IncomingMessage, response: ServerResponse) =>
        void response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ jsonrpc: '2.0', id: Number(id) + 100, result: { content: [] } })),
      /status 200/,
    ],
    ['a broken connection', (_: Message, request: IncomingMessage) => void request.socket.destroy(), /./],
  ])('that answers a call with %s fails that call', async (_, respond, reason) => {
    answer = legacy({ 'tools/call': respond })
    await wrap()
    expect(await call()).toMatchObject({ status: 'failed', effect: 'unknown', reason: expect.stringMatching(reason) })
  })

  it('is asked anew when its session is over', async () => {
    let once = true
    answer = legacy({
      'tools/call': ({ id }, _, response) => {
        if (!once) json(response, result(id, { content: [] }))
        else response.writeHead(404).end()
        once = false
      },
    })
    await wrap()
    expect(await call()).toMatchObject({ status: 'failed' })
    expect(await call()).toMatchObject({ status: 'done' })
    expect(heard.filter(({ message }) => message.method === 'initialize')).toHaveLength(3)
  })

  it('gets its secret in the header that was approved, and nothing else of it goes anywhere', async () => {
    const value = 'sk-0123456789-of-the-test'
    answer = legacy({
      'tools/call': ({ id }, { headers }, response) =>
        json(response, result(id, { content: [{ type: 'text', text: headers.authorization }] })),
    })
    const { host } = new URL(url)
    const scope = { hosts: [host], tools: ['mcp.far.*'], slots: ['header:authorization'] }
    const put = await world.kernel.service(vaultSlot).put('far', Buffer.from(value), scope, { actor: 'user:ann' })
    const by = { id: 'user:ann', claimed: false, osUser: 'ann' }
    if (put.status === 'pending')
      await world.kernel.service(approvalsSlot).decide(put.approval.id, { verdict: 'approve', by })
    await world.ready('far', {
      kind: 'url',
      url,
      headers: { authorization: { secret: 'far', format: 'Bearer {secret}' } },
    })
    expect(heard.map(({ headers }) => headers.authorization)).toEqual(heard.map(() => `Bearer ${value}`))
    expect(await call()).toMatchObject({ output: { content: [{ text: 'Bearer [REDACTED:vault:far]' }] } })
    expect(await world.wrap('near', { kind: 'url', url, headers: { authorization: { secret: 'far' } } })).toMatchObject(
      { status: 'failed', code: 'SECRET_DENIED' },
    )
  })

  it('is reached only where the rules and its approval allow it', async () => {
    answer = legacy()
    expect(await world.wrap('other', { kind: 'url', url: 'http://127.0.0.2:9/mcp', headers: {} })).toMatchObject({
      status: 'failed',
      code: 'EGRESS_DENIED',
    })
    expect(heard).toEqual([])
  })
})

describe('a stream of events', () => {
  const read = (pieces: readonly (string | Buffer)[]) => {
    const found: string[] = []
    const reader = new EventReader(100, (data) => void found.push(data))
    for (const piece of pieces) reader.write(Buffer.from(piece))
    reader.end()
    return found
  }
  const euro = Buffer.from('data: €\n\n')

  it.each([
    ['line ends of all kinds', ['data: a\n\ndata: b\r\n\r\ndata: c\r\r'], ['a', 'b', 'c']],
    ['several lines', ['data: a\ndata: b\n\n'], ['a\nb']],
    ['comments and other fields', [': ping\n\nevent: x\nid: 7\nretry: 1\ndata:a\n\n'], ['a']],
    ['pieces in the middle of a line end', ['data: a\r', '\n\r', '\ndata: b\n', '\n'], ['a', 'b']],
    ['pieces in the middle of a character', [euro.subarray(0, 7), euro.subarray(7)], ['€']],
    ['an end without an empty line', ['data: a'], ['a']],
  ])('is read with %s', (_, pieces, expected) => {
    expect(read(pieces)).toEqual(expected)
  })

  it('gives a line of very many pieces without going through all of them with each', () => {
    const found: number[] = []
    const reader = new EventReader(32 * 1024 * 1024, (data) => void found.push(data.length))
    const piece = Buffer.alloc(1024, 'a')
    reader.write(Buffer.from('data: '))
    for (let i = 0; i < 16 * 1024; i++) reader.write(piece)
    reader.write(Buffer.from('\r'))
    reader.write(Buffer.from('\n\r'))
    reader.write(Buffer.from('\n'))
    expect(found).toEqual([16 * 1024 * 1024])
  })

  it('with an event that is too long ends', () => {
    expect(() => read([`data: ${'x'.repeat(200)}`])).toThrow(/longer than/)
  })
})

describe('headers beside arguments', () => {
  it('hold what may stand in a header, and the rest encoded', () => {
    expect(['plain text', ' led', 'é', '=?base64?x', ''].map(headerText)).toEqual([
      'plain text',
      '=?base64?IGxlZA==?=',
      '=?base64?w6k=?=',
      '=?base64?PT9iYXNlNjQ/eA==?=',
      '=?base64??=',
    ])
  })

  it('are those that the schema names, for values that are there', () => {
    const schema = {
      properties: {
        a: { 'x-mcp-header': 'Region' },
        b: { 'x-mcp-header': 'Bad name\r\n' },
        c: { properties: { d: { 'x-mcp-header': 'Deep' } } },
      },
    }
    expect(paramHeaders(schema, { a: 7, b: 'x', c: { d: true }, e: 1 })).toEqual({
      'mcp-param-region': '7',
      'mcp-param-deep': 'true',
    })
    expect(paramHeaders(schema, { a: null, c: null })).toEqual({})
    expect(paramHeaders(7, 'x')).toEqual({})
  })
})
