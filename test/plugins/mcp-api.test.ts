// Holds `/mcp` on the HTTP API to the API's own rules: who gets in, as whom they act, and what they may decide.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { approvalsSlot, auditSlot, type JsonObject } from 'cloned/kernel'
import fastify from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { front } from '../../plugins/api/parts/front.js'
import { siteOf } from '../../plugins/api/site.js'
import type { Scope } from '../../plugins/api/slot.js'
import { mcpEndpoint } from '../../plugins/mcp/endpoint.js'
import type { McpCaller } from '../../plugins/mcp/slot.js'
import { toolId } from '../fixtures/runs-tools.js'
import { type Answer, type ApiWorld, apiWorld, send, type WorldOptions } from './api-fixture.js'
import { paired, proofOf, tokenOf } from './pairing-fixture.js'

const worlds: ApiWorld[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})
async function opened(options: WorldOptions = {}): Promise<ApiWorld> {
  const world = await apiWorld(options)
  worlds.push(world)
  return world
}

/** One request to `/mcp` with a JSON body, or without. */
type Post = (body?: JsonObject, headers?: Readonly<Record<string, string>>, method?: string) => Promise<Answer>

const ACCEPT = { accept: 'application/json, text/event-stream' }
const asOwner =
  (world: ApiWorld, token: string | null = world.token): Post =>
  (body, headers = {}, method = 'POST') =>
    world.ask(method, '/mcp', { token, headers: { ...ACCEPT, ...headers }, ...(body ? { body } : {}) })

async function asDevice(world: ApiWorld, scopes: string): Promise<Post & { readonly id: string }> {
  const device = await paired(world, scopes)
  const token = await tokenOf(world, device)
  const post: Post = (body, headers = {}, method = 'POST') => {
    const dpop = proofOf(world, device.key, { method, path: '/mcp', credentials: token })
    const all = { ...ACCEPT, authorization: `DPoP ${token}`, dpop, ...headers }
    return send(world.address, method, '/mcp', { headers: all, ...(body ? { body } : {}) })
  }
  return Object.assign(post, { id: device.id })
}

const rpc = (method: string, params: JsonObject = {}): JsonObject => ({ jsonrpc: '2.0', id: 1, method, params })
const CLIENT = { capabilities: { elicitation: {} }, clientInfo: { name: 'test', version: '1' } }
const INITIALIZE = rpc('initialize', { protocolVersion: '2025-11-25', ...CLIENT })
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
const last = ({ text, body }: Answer): any => {
  const data = text.split('\n').findLast((line) => line.startsWith('data: '))
  return data === undefined ? body : JSON.parse(data.slice(6))
}
async function session(post: Post): Promise<Record<string, string>> {
  const { headers } = await post(INITIALIZE)
  return { 'mcp-session-id': String(headers['mcp-session-id']) }
}
/** By the revision without sessions. */
async function modern(post: Post, method: string, params: JsonObject = {}) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': CLIENT.capabilities,
  }
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
  const { name, uri } = params
  const named = name ?? (method === 'resources/read' ? uri : undefined)
  return last(
    await post(rpc(method, { ...params, _meta: meta }), {
      ...headers,
      ...(typeof named === 'string' ? { 'mcp-name': named } : {}),
    }),
  )
}

const ECHO = { name: 'test__echo__run', arguments: { said: 'hello' } }
const RISKY = { name: 'test__risky__run', arguments: { said: 'hello' } }

describe('who gets in', () => {
  it.each<[string, string | null | undefined, Record<string, string>, number, string | undefined]>([
    ['the owner', undefined, {}, 200, undefined],
    ['nobody known', null, {}, 401, 'API_UNAUTHENTICATED'],
    ['a wrong token', 'x'.repeat(43), {}, 401, 'API_UNAUTHENTICATED'],
    ['a name that points here (DNS rebinding)', undefined, { host: 'evil.example' }, 403, 'API_HOST'],
    ["another site's page", undefined, { origin: 'https://evil.example' }, 403, 'API_ORIGIN'],
    ['a page of no site', undefined, { origin: 'null' }, 403, 'API_ORIGIN'],
  ])('%s', async (_, token, headers, status, code) => {
    const world = await opened()
    const answer = await asOwner(world, token)(INITIALIZE, headers)
    expect([answer.status, answer.body.code]).toEqual([status, code])
    expect(answer.headers['x-content-type-options']).toBe('nosniff')
    expect(answer.headers['mcp-session-id'] === undefined).toBe(status !== 200)
  })

  it('a device with the scope of calls, and none without', async () => {
    const world = await opened()
    expect((await (await asDevice(world, 'tools:call'))(INITIALIZE)).status).toBe(200)
    const reader = await (await asDevice(world, 'tools:read,approvals:read'))(INITIALIZE)
    expect([reader.status, reader.body.code]).toEqual([403, 'API_SCOPE'])
  })

  it('over a private socket without a token', async () => {
    const world = await opened()
    const { address } = await world.api.listen({ socket: `${world.root}/.cloned/api/socket` })
    expect((await send(address, 'POST', '/mcp', { body: INITIALIZE, headers: { host: 'localhost' } })).status).toBe(200)
  })

  it('inside a host, as whom that has signed in', async () => {
    const world = await opened()
    const actor = { id: 'user:eve', claimed: false, osUser: '' }
    const host = createServer((request, response) =>
      world.api.handle(request, response, { actor, scopes: new Set(['tools:call'] as const), via: 'host' }),
    )
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(host.address() as AddressInfo).port}`
    const post: Post = (body, headers = {}) =>
      send(address, 'POST', '/mcp', { headers: { ...ACCEPT, ...headers }, ...(body ? { body } : {}) })
    expect((await modern(post, 'tools/call', ECHO)).result.isError).toBeUndefined()
    host.close()
    expect(await actors(world)).toEqual(['user:eve'])
  })
})

/** Under whom calls of the echo tool were recorded. */
async function actors(world: ApiWorld): Promise<string[]> {
  const found: string[] = []
  for await (const { record } of world.kernel.service(auditSlot).scan()) {
    const { type, target, actor } = record as { type: string; target?: string; actor?: { id: string } }
    if (type === 'tool.intent' && target === toolId('echo') && actor) found.push(actor.id)
  }
  return found
}

describe('whoever got in', () => {
  it('lists and calls in either kind of revision, and is recorded as whoever was proven', async () => {
    const world = await opened()
    const owner = asOwner(world)
    const headers = await session(owner)
    const { tools } = last(await owner(rpc('tools/list'), headers)).result
    expect(tools.map(({ name }: { name: string }) => name)).toContain(ECHO.name)
    expect(last(await owner(rpc('tools/call', ECHO), headers)).result.structuredContent).toEqual({ said: 'hello' })
    const device = await asDevice(world, 'tools:call')
    expect((await modern(device, 'tools/call', ECHO)).result.structuredContent).toEqual({ said: 'hello' })
    expect(await actors(world)).toEqual([world.kernel.actor().id, `device:${device.id}`])
  })

  it('gets no session of anybody else', async () => {
    const world = await opened()
    const headers = await session(asOwner(world))
    const device = await asDevice(world, 'tools:call,approvals:decide')
    expect((await device(rpc('ping'), headers)).status).toBe(404)
    expect((await device(undefined, headers, 'DELETE')).status).toBe(404)
    expect((await asOwner(world)(rpc('ping'), headers)).status).toBe(200)
  })

  it('is served again under a key of an idempotent write: the answers of a session are no such writes', async () => {
    const world = await opened()
    const keyed = { 'idempotency-key': 'a' }
    const headers = { ...(await session(asOwner(world))), ...keyed }
    for (const _ of [1, 2]) expect(last(await asOwner(world)(rpc('ping'), headers)).result).toEqual({})
  })

  it('has to ask for a stream again after its time', async () => {
    const world = await opened({ config: { 'cloned.mcp': { standMs: 20 } } })
    const owner = asOwner(world)
    const headers = await session(owner)
    for (const _ of [1, 2]) {
      const stream = await owner(undefined, headers, 'GET')
      expect([stream.status, stream.headers['content-type'], stream.text]).toEqual([200, 'text/event-stream', ':\n\n'])
    }
    const listening = await modern(owner, 'subscriptions/listen', { notifications: { toolsListChanged: true } })
    expect(listening.result.resultType).toBe('complete')
  })
})

describe('a question of an approval', () => {
  const answered = async (post: Post, answer: JsonObject) => {
    const { result } = await modern(post, 'tools/call', RISKY)
    const [[key, question] = ['', {}]] = Object.entries(result.inputRequests) as [string, JsonObject][]
    const inputResponses = { [key]: answer }
    const after = await modern(post, 'tools/call', { ...RISKY, inputResponses, requestState: result.requestState })
    return { question, after: after.result }
  }
  const APPROVE = { action: 'accept', content: { decision: 'approve' } }

  it.each([
    ['the owner decides', undefined, true],
    ['a device decides on nothing that it asked for, whatever its scopes', 'tools:call,approvals:decide', false],
    ['the word of a device that may only call counts for nothing', 'tools:call', false],
  ])('%s', async (_, scopes, runs) => {
    const world = await opened()
    const post = scopes === undefined ? asOwner(world) : await asDevice(world, scopes)
    const { question, after } = await answered(post, APPROVE)
    const { requestedSchema } = question['params'] as { requestedSchema: { properties: object } }
    expect('decision' in requestedSchema.properties).toBe(runs)
    expect(world.effects).toEqual(runs ? ['risky'] : [])
    // Where it did not decide, it is told what is waited for, once more.
    expect(after.resultType).toBe(runs ? 'complete' : 'input_required')
    const requests = await world.kernel.service(approvalsSlot).list()
    const request = requests.find(({ action }) => action.target === toolId('risky'))
    expect([request?.state, request?.decidedBy?.id]).toEqual(
      runs ? ['used', world.kernel.actor().id] : ['pending', undefined],
    )
  })
})

describe('skill packs', () => {
  const uri = 'skill://test-pack/SKILL.md'
  it.each([
    ['tools:call', false],
    ['tools:call,skills:read', true],
  ])('are shown as the API shows them: with %s %s', async (scopes, shown) => {
    const post = await asDevice(await opened(), scopes)
    const listed = await modern(post, 'skills/list')
    expect(listed.result?.skills.map((each: JsonObject) => each['uri'])).toEqual(shown ? [uri] : undefined)
    for (const method of ['skills/get', 'resources/directory/read', 'resources/read']) {
      expect([method, (await modern(post, method, { uri })).error === undefined]).toEqual([
        method,
        shown && method !== 'resources/directory/read',
      ])
    }
    const { result } = await modern(post, 'resources/list')
    expect(JSON.stringify(result ?? {}).includes(uri)).toBe(shown)
    const { capabilities } = (await modern(post, 'server/discover')).result
    expect('io.modelcontextprotocol/skills' in capabilities.extensions).toBe(shown)
  })

  it('are not for a session that began with the scope and goes on without it: that is somebody else', async () => {
    const callers: { readonly key: string; readonly skills?: boolean }[] = []
    const door = {
      lines: async () => {},
      http: async (_: unknown, __: unknown, caller: McpCaller) => void callers.push(caller),
    }
    const endpoint = mcpEndpoint({ door: () => door })
    const actor = { id: 'user:ann', claimed: false, osUser: 'ann' }
    for (const scopes of [['tools:call', 'skills:read'], ['tools:call'], ['*']] as const) {
      const [request, response] = [{}, {}] as unknown as [IncomingMessage, ServerResponse]
      await endpoint.handle(request, response, { actor, scopes: new Set<Scope | '*'>(scopes), via: 'oidc' })
    }
    expect(callers.map(({ skills }) => skills)).toEqual([true, false, true])
    expect(callers[1]?.key).not.toBe(callers[0]?.key)
  })
})

describe('a page that may use the API', () => {
  const ask = async (origin: string, wanted: string) => {
    const app = fastify()
    const named = { hosts: () => new Set(['h.test']), origins: () => ['https://own.example'] }
    await app.register(front, { door: { site: (request) => siteOf(request, named) } })
    const headers = {
      host: 'h.test',
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': wanted,
    }
    const { headers: answered } = await app.inject({ method: 'OPTIONS', url: '/mcp', headers })
    await app.close()
    return String(answered['access-control-allow-headers'] ?? '').split(', ')
  }

  it('may send the headers of parameters that tools ask for, and no others that it names', async () => {
    const allowed = await ask('https://own.example', 'Mcp-Param-Region, x-evil, mcp-param-a\tb,mcp-param-')
    expect(allowed).toEqual(expect.arrayContaining(['mcp-param-region', 'mcp-session-id', 'authorization']))
    expect(allowed.filter((name) => /evil|\t|param-$/.test(name))).toEqual([])
    const many = Array.from({ length: 100 }, (_, i) => `mcp-param-${i}`).join(',')
    expect((await ask('https://own.example', many)).filter((name) => name.startsWith('mcp-param-'))).toHaveLength(32)
  })

  it('is not one of another site', async () => {
    expect(await ask('https://evil.example', 'mcp-param-region')).toEqual([''])
  })
})
