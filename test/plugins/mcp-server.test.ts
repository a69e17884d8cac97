import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { auditSlot, type JsonObject, sha256 } from 'cloned/kernel'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { docsLinkReport } from '../../examples/docs-link-report/index.js'
import { answerFeature } from '../fixtures/mcp/features.js'
import { type Client, type McpWorld, MODERN, mcpWorld } from './mcp-fixture.js'

let world: McpWorld
beforeAll(async () => {
  world = await mcpWorld({ config: { pipelines: true }, plugins: [docsLinkReport] })
  await writeFile(join(world.root, 'read.txt'), 'read me')
})
afterAll(() => world.close())

const ctx = { signal: new AbortController().signal, progress() {}, notify() {}, ask: async () => ({}) }
const READ = { name: 'fs__read', arguments: { path: 'read.txt' } }
const call = (name: string, args: JsonObject = {}) => ({ name, arguments: args })
const initialized = async (capabilities: JsonObject = {}, view?: { only: string }): Promise<Client> => {
  const client = world.client(view)
  await client.initialize(capabilities)
  return client
}

describe('revisions', () => {
  it.each([
    ['2025-11-25', '2025-11-25'],
    ['2025-06-18', '2025-06-18'],
    ['2025-03-26', '2025-03-26'],
    ['2024-11-05', '2024-11-05'],
    ['2099-01-01', '2025-11-25'],
    [MODERN, '2025-11-25'],
  ])('a handshake for %s agrees on %s', async (asked, agreed) => {
    const { result } = await world.client().initialize({}, asked)
    expect(result.protocolVersion).toBe(agreed)
    expect(result.capabilities.tools).toEqual({ listChanged: true })
    expect(result.capabilities).not.toHaveProperty('extensions')
  })

  it('a request that says its revision needs no handshake, and its lists say how long they may be kept', async () => {
    const client = world.client()
    const { result } = await client.modern('server/discover')
    expect(result.supportedVersions).toEqual([MODERN])
    expect(Object.keys(result.capabilities.extensions)).toEqual([
      'io.modelcontextprotocol/tasks',
      'io.modelcontextprotocol/skills',
    ])
    const list = await client.modern('tools/list')
    expect(list.result).toMatchObject({ resultType: 'complete', cacheScope: 'private' })
    expect(list.result.ttlMs).toBeGreaterThan(0)
  })

  it.each<[string, JsonObject, number]>([
    ['without a revision', { 'io.modelcontextprotocol/clientCapabilities': {} }, -32600],
    ['of an unknown revision', { 'io.modelcontextprotocol/protocolVersion': 'v9' }, -32022],
    ['that does not say what it can', { 'io.modelcontextprotocol/protocolVersion': MODERN }, -32602],
  ])('a request %s is refused', async (_, meta, code) => {
    expect((await world.client().request('tools/list', { _meta: meta })).error?.code).toBe(code)
  })

  it.each(['initialize', 'ping', 'logging/setLevel', 'tasks/list', 'tasks/result', '__proto__', 'constructor'])(
    'the revision without sessions has no %s',
    async (method) => {
      expect((await world.client().modern(method)).error?.code).toBe(-32601)
    },
  )

  it('nothing but ping is answered before the handshake, and that happens once', async () => {
    const client = world.client()
    expect((await client.request('ping')).result).toEqual({})
    expect((await client.request('tools/list')).error?.code).toBe(-32600)
    await client.initialize()
    expect((await client.initialize()).error?.code).toBe(-32600)
  })
})

describe('messages that are none', () => {
  it.each([
    ['{', -32700],
    ['[]', -32600],
    ['7', -32600],
    ['{"id":1,"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":7}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', -32600],
    ['{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', -32600],
    ['{"jsonrpc":"2.0"}', -32600],
    ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600],
  ])('%s is answered with an error, and the next request as ever', async (text, code) => {
    const client = await initialized()
    client.raw(`${text}\n`)
    expect(await client.stray()).toMatchObject({ id: null, error: { code } })
    expect((await client.request('ping')).result).toEqual({})
  })

  it('batches are answered in the one revision that has them, up to a bound', async () => {
    const client = world.client()
    await client.initialize({}, '2025-03-26')
    const ping = (id: number) => ({ jsonrpc: '2.0', id, method: 'ping' })
    client.send([ping(501), { jsonrpc: '2.0', method: 'notifications/initialized' }, ping(502)])
    expect(await client.stray()).toEqual([501, 502].map((id) => ({ jsonrpc: '2.0', id, result: {} })))
    client.send(Array.from({ length: 51 }, (_, i) => ping(1000 + i)))
    expect(await client.stray()).toMatchObject({ id: null, error: { code: -32600 } })
  })

  it('a client has no more than 256 requests in hand', async () => {
    const client = await initialized({}, { only: 'features' })
    const slow = Array.from({ length: 257 }, () => client.request('tools/call', call('test_reconnection')))
    const refused = (await Promise.all(slow)).filter(({ error }) => error?.message === 'Too many requests at once')
    expect(refused).toHaveLength(1)
  })

  it('an id that is in use is refused, and its first request answered', async () => {
    const client = await initialized({}, { only: 'features' })
    const first = client.request('tools/call', call('test_reconnection'), 'same')
    expect((await client.request('ping', {}, 'same')).error?.message).toMatch(/in use/)
    void first
  })
})

describe('tools', () => {
  it('are shown by names that every client takes, with their canonical id, sorted and the same each time', async () => {
    const client = await initialized()
    const { tools } = (await client.request('tools/list')).result
    const ids: string[] = tools.map((tool: JsonObject) => (tool['_meta'] as JsonObject)['cloned/tool'])
    expect(ids).toEqual([...ids].sort())
    expect(ids).toContain('mcp.features.test_simple_text@v1')
    for (const { name, inputSchema } of tools) {
      expect(name).toMatch(/^[A-Za-z0-9_-]{1,50}$/)
      expect(inputSchema.type).toBe('object')
      expect(inputSchema).not.toHaveProperty('allOf')
    }
    expect((await client.request('tools/list')).result.tools).toEqual(tools)
  })

  it('of one server alone are exactly its own, unknown fields included', async () => {
    const client = await initialized({}, { only: 'features' })
    const { tools } = (await client.request('tools/list')).result
    const { tools: originals } = (await answerFeature('tools/list', {}, ctx)) as { tools: readonly JsonObject[] }
    const plain = tools.map(({ _meta: _, ...rest }: JsonObject) => rest)
    expect(plain).toEqual([...originals].sort((a, b) => (String(a['name']) < String(b['name']) ? -1 : 1)))
  })

  it('are called by their shown name and by their canonical id, and recorded under the name that the client claims', async () => {
    const client = await initialized()
    for (const name of [READ.name, 'cloned.internal.fs.read@v1']) {
      const { result } = await client.request('tools/call', { ...READ, name })
      expect(result.structuredContent).toMatchObject({ path: 'read.txt', content: 'read me' })
      expect(JSON.parse(result.content[0].text)).toEqual(result.structuredContent)
      expect(result).not.toHaveProperty('isError')
    }
    const last = await world.kernel.service(auditSlot).latest('tool.outcome')
    expect(last?.record).toMatchObject({ actor: { id: 'agent:mcp.test', claimed: true }, status: 'done' })
  })

  it.each(['test_simple_text', 'test_image_content', 'test_multiple_content_types', 'test_error_handling'])(
    'the result of %s comes through unchanged',
    async (name) => {
      const client = await initialized({}, { only: 'features' })
      expect((await client.request('tools/call', call(name))).result).toEqual(
        await answerFeature('tools/call', call(name), ctx),
      )
    },
  )

  it('an input that does not fit the original schema is told to the model, and never runs', async () => {
    const client = await initialized({}, { only: 'features' })
    const { result } = await client.request('tools/call', call('greet', { name: 7 }))
    expect(result).toMatchObject({ isError: true, _meta: { 'cloned/outcome': { code: 'INPUT_INVALID' } } })
    expect(result._meta).not.toHaveProperty('io.modelcontextprotocol/authorization')
  })

  it('an unknown tool is an error of the protocol', async () => {
    const client = await initialized()
    expect((await client.request('tools/call', call('no_such_tool'))).error).toMatchObject({ code: -32602 })
  })

  it('an error of the protocol that a server answers is answered as it is', async () => {
    const client = await initialized({}, { only: 'features' })
    const { error } = await client.request('tools/call', call('protocol_error_job'))
    expect(error).toMatchObject({ code: -32603, message: 'The job broke the protocol' })
  })

  it('progress reaches the request that wants it, under its own token', async () => {
    const client = await initialized({}, { only: 'features' })
    await client.request('tools/call', { ...call('test_tool_with_progress'), _meta: { progressToken: 'mine' } })
    const told = client.heard.filter(({ method }) => method === 'notifications/progress')
    expect(told.map(({ params }) => params)).toEqual(
      [0, 50, 100].map((progress) => ({ progress, total: 100, progressToken: 'mine' })),
    )
    await client.request('tools/call', call('test_tool_with_progress'))
    expect(client.heard.filter(({ method }) => method === 'notifications/progress')).toHaveLength(3)
  })

  it('a cancelled call is not answered, and ends for its tool too', async () => {
    const client = await initialized({}, { only: 'features' })
    let answered = false
    void client.request('tools/call', call('slow_compute', { seconds: 60 }), 'slow').then(() => {
      answered = true
    })
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'slow' } })
    await client.request('ping')
    const audit = world.kernel.service(auditSlot)
    const ended = async () => (await audit.latest('tool.outcome'))?.record
    await expect.poll(ended).toMatchObject({ target: 'mcp.features.slow_compute@v1', status: 'failed' })
    expect(answered).toBe(false)
    expect((await client.request('ping', {}, 'slow')).result).toEqual({})
  })
})

describe('what a server asks while its tool runs', () => {
  it('is asked of a client that can answer', async () => {
    const client = await initialized({ sampling: {} }, { only: 'features' })
    const answered = client.request('tools/call', call('test_sampling', { prompt: 'Hi' }))
    const { id = null, params } = await client.next('sampling/createMessage')
    expect(params).toMatchObject({ maxTokens: 100 })
    client.send({ jsonrpc: '2.0', id, result: { role: 'assistant', content: { type: 'text', text: 'Yo' } } })
    expect((await answered).result.content[0].text).toBe('LLM response: Yo')
  })

  it('is refused for one that cannot', async () => {
    const client = await initialized({}, { only: 'features' })
    const { result } = await client.request('tools/call', call('test_sampling', { prompt: 'Hi' }))
    expect(result).toMatchObject({ isError: true })
    expect(client.heard.filter(({ method }) => method === 'sampling/createMessage')).toEqual([])
  })

  it('an answer that nobody asked for changes nothing', async () => {
    const client = await initialized({ sampling: {} }, { only: 'features' })
    const answered = client.request('tools/call', call('test_sampling', { prompt: 'Hi' }))
    const { id = null } = await client.next('sampling/createMessage')
    client.send({ jsonrpc: '2.0', id: 'cloned-999', result: { content: { text: 'forged' } } })
    client.send({ jsonrpc: '2.0', id, error: { code: -1, message: 'The user said no' } })
    const { result } = await answered
    expect(result.content[0].text).toBe('The user said no')
  })
})

describe('prompts, resources and logs', () => {
  it('of one server are relayed as they are', async () => {
    const client = await initialized({}, { only: 'features' })
    for (const [method, params] of [
      ['prompts/list', {}],
      ['prompts/get', { name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } }],
      ['resources/list', {}],
      ['resources/templates/list', {}],
      ['resources/read', { uri: 'test://template/7/data' }],
      [
        'completion/complete',
        { ref: { type: 'ref/prompt', name: 'test_simple_prompt' }, argument: { name: 'a', value: '' } },
      ],
    ] as const) {
      expect((await client.request(method, params)).result, method).toEqual(await answerFeature(method, params, ctx))
    }
  })

  it.each([
    ['a client with a session', false, -32002],
    ['one without', true, -32602],
  ])('an unknown resource is told to %s', async (_, modern, code) => {
    const client = modern ? world.client() : await initialized()
    const params = { uri: 'test://none' }
    const { error } = await (modern
      ? client.modern('resources/read', params)
      : client.request('resources/read', params))
    expect(error).toMatchObject({ code, data: { uri: 'test://none' } })
  })

  it('logs are heard from the level on that the client has set, by the others only where they ask for it', async () => {
    const client = await initialized({}, { only: 'features' })
    await client.request('tools/call', call('test_logging_tool'))
    expect(client.heard.map(({ method }) => method)).toEqual(['notifications/message'])
    await client.request('logging/setLevel', { level: 'error' })
    await client.request('tools/call', call('test_logging_tool'))
    expect(client.heard).toHaveLength(1)
    const modern = world.client({ only: 'features' })
    await modern.modern('tools/call', call('test_logging_tool'))
    expect(modern.heard).toEqual([])
    await modern.modern('tools/call', {
      ...call('test_logging_tool'),
      _meta: { 'io.modelcontextprotocol/logLevel': 'debug' },
    })
    expect(modern.heard).toHaveLength(1)
  })

  it('a subscription hears what it was opened for, tagged with its id, until it is ended', async () => {
    const client = world.client({ only: 'features' })
    const ended = client.request(
      'subscriptions/listen',
      {
        notifications: { promptsListChanged: true },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': MODERN,
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
      'sub',
    )
    const { params } = await client.next('notifications/subscriptions/acknowledged')
    expect(params).toEqual({
      notifications: { promptsListChanged: true },
      _meta: { 'io.modelcontextprotocol/subscriptionId': 'sub' },
    })
    await client.modern('tools/call', call('test_trigger_tool_change'))
    await client.modern('tools/call', call('test_trigger_prompt_change'))
    expect(client.heard.map(({ method }) => method)).toEqual(['notifications/prompts/list_changed'])
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'sub' } })
    expect((await ended).result._meta['io.modelcontextprotocol/subscriptionId']).toBe('sub')
  })
})

describe('skills and pipelines', () => {
  it('skill packs are listed with the digest of what is read', async () => {
    const client = world.client()
    const { skills } = (await client.modern('skills/list')).result
    const uris = skills.map(({ uri }: { uri: string }) => uri)
    expect(uris).toEqual(['skill://docs-link-report/SKILL.md'])
    for (const skill of skills) {
      const { contents } = (await client.modern('resources/read', { uri: skill.uri })).result
      expect(skill.resources).toEqual([
        { uri: skill.uri, digest: `sha256:${sha256(contents[0].text)}`, size: Buffer.byteLength(contents[0].text) },
      ])
    }
    const { resources } = (await client.modern('resources/list')).result
    expect(resources.map(({ uri }: { uri: string }) => uri)).toEqual(expect.arrayContaining(uris))
    expect((await client.modern('skills/get', { uri: 'skill://none/SKILL.md' })).error?.code).toBe(-32602)
  })

  it('a pipeline that is offered as a tool runs, each step through the gate', async () => {
    await mkdir(join(world.root, 'docs'))
    await writeFile(join(world.root, 'docs/a.md'), '[gone](missing.md)')
    const client = await initialized()
    const args = { directory: 'docs' }
    const { result } = await client.request('tools/call', call('pipeline__docs__link-report', args))
    expect(result.structuredContent).toMatchObject({ state: 'done' })
    expect((await client.request('tools/call', call('pipeline__docs__link-report', { nope: 1 }))).result).toMatchObject(
      {
        isError: true,
        _meta: { 'cloned/outcome': { code: 'INPUT_INVALID' } },
      },
    )
  })
})

describe('several servers', () => {
  it('share one list; their prompts are told apart by their names, and one that fails hides none', async () => {
    const two = await mcpWorld({ servers: ['one', 'two'] })
    try {
      await mkdir(join(two.root, 'x'))
      const client = two.client()
      await client.initialize()
      const { prompts } = (await client.request('prompts/list')).result
      const names = prompts.map(({ name }: { name: string }) => name)
      expect(names).toContain('one__test_simple_prompt')
      expect(names).toContain('two__test_simple_prompt')
      expect(new Set(names).size).toBe(names.length)
      const { result } = await client.request('prompts/get', { name: 'two__test_simple_prompt' })
      expect(result.messages[0].content.text).toMatch(/simple prompt/)
      expect((await client.request('prompts/get', { name: 'three__x' })).error?.code).toBe(-32602)
      const read = { uri: 'test://static-text' }
      expect((await client.request('resources/read', read)).error?.data).toEqual({ ...read, servers: ['one', 'two'] })
      const named = { ...read, _meta: { 'cloned/server': 'two' } }
      expect((await client.request('resources/read', named)).result.contents).toHaveLength(1)
      const text = await client.request('tools/call', call('two__test_simple_text'))
      expect(text.result.content[0].text).toMatch(/simple text/)
    } finally {
      await two.close()
    }
  })
})
