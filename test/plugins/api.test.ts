import dns from 'node:dns'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { initWorkspace, open } from 'cloned'
import { definePlugin, type Json, type Kernel, LockFile } from 'cloned/kernel'
import { type Api, type ApiPart, apiSlot, type Principal, routesCollection } from 'cloned/plugins/api'
import { eventsSlot } from 'cloned/plugins/events'
import { runsSlot } from 'cloned/plugins/runs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { localToken } from '../../plugins/api/token-file.js'
import { startChild } from '../child.js'
import { toolId } from '../fixtures/runs-tools.js'
import { type ApiWorld, apiWorld, PIPELINE, send, type WorldOptions } from './api-fixture.js'
import { gatePromise } from './runs-fixture.js'

const worlds: ApiWorld[] = []
afterEach(async () => {
  for (const world of worlds.splice(0).reverse()) await world.close()
})
async function opened(options: WorldOptions = {}): Promise<ApiWorld> {
  const world = await apiWorld(options)
  worlds.push(world)
  return world
}

const CALL = `/v1/tools/${toolId('echo')}/call`
const keyed = (key: string) => ({ headers: { 'idempotency-key': key } })

/** A plugin with the routes that a test needs. */
function part(register: (app: Parameters<ApiPart['register']>[0]) => void) {
  return definePlugin({
    id: 'test.routes',
    version: '1.0.0',
    kernel: '^0.1.0',
    contributes: { routes: routesCollection },
    setup: () => ({ routes: [{ tag: 'test', register }] }),
  })
}

describe('Idempotency-Key', () => {
  it('a repeated write is answered with what the first one answered, and runs nothing', async () => {
    const { post, effects } = await opened()
    const first = await post(CALL, { input: { n: 1 } }, keyed('a'))
    const second = await post(CALL, { input: { n: 1 } }, keyed('a'))
    expect([second.status, second.body, second.headers['idempotent-replayed']]).toEqual([200, first.body, 'true'])
    expect(effects).toEqual(['echo'])
  })

  it('a repeated refusal is the same problem document', async () => {
    const { post } = await opened()
    const refused = `/v1/tools/${toolId('refused')}/call`
    const first = await post(refused, { input: {} }, keyed('a'))
    const second = await post(refused, { input: {} }, keyed('a'))
    expect(second.headers['content-type']).toBe(first.headers['content-type'])
    expect(first.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect([second.status, second.body]).toEqual([403, first.body])
  })

  it('a repeated answer names the same place', async () => {
    const { post } = await opened()
    const first = await post('/v1/runs', { pipeline: 'test.pack/echo' }, keyed('a'))
    const second = await post('/v1/runs', { pipeline: 'test.pack/echo' }, keyed('a'))
    expect(first.headers.location).toBe(`/v1/runs/${first.body.id}`)
    expect([second.status, second.headers.location]).toEqual([201, first.headers.location])
  })

  it.each([
    ['another body', CALL, { input: { n: 2 } }],
    ['another route', `/v1/tools/${toolId('again')}/call`, { input: { n: 1 } }],
  ])('a key that was used for %s is refused', async (_, path, body) => {
    const { post, effects } = await opened()
    await post(CALL, { input: { n: 1 } }, keyed('a'))
    const answer = await post(path, body, keyed('a'))
    expect([answer.status, answer.body.code]).toEqual([409, 'API_IDEMPOTENCY'])
    expect(effects).toEqual(['echo'])
  })

  it.each(['', 'x'.repeat(256), 'with space'])('a key of the wrong shape (%o) is refused', async (key) => {
    const { post } = await opened()
    expect((await post(CALL, { input: {} }, keyed(key))).status).toBe(400)
  })

  it('keys of different principals have nothing to do with each other', async () => {
    const { post, effects, api } = await opened()
    await post(CALL, { input: { n: 1 } }, keyed('a'))
    const host = await hosted(api, {
      actor: { id: 'user:guest', claimed: false, osUser: 'host' },
      scopes: new Set(['*']),
      via: 'host',
    })
    const answer = await send(host.address, 'POST', CALL, { body: { input: { n: 2 } }, ...keyed('a') })
    host.server.close()
    expect(answer.status).toBe(200)
    expect(effects).toEqual(['echo', 'echo'])
  })

  it('of many equal requests at once exactly one runs; the others are refused or get its answer', async () => {
    const { post, effects } = await opened()
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(CALL, { input: {} }, keyed('a'))))
    expect(effects).toEqual(['echo'])
    expect(answers.filter(({ status }) => status !== 200 && status !== 409)).toEqual([])
    const ids = new Set(answers.filter(({ status }) => status === 200).map(({ body }) => body.call_id))
    expect(ids.size).toBe(1)
  })

  it('a day later the key is free again', async () => {
    const world = await opened()
    await world.post(CALL, { input: {} }, keyed('a'))
    world.now += 24 * 60 * 60 * 1000 + 1
    await world.post(CALL, { input: {} }, keyed('a'))
    expect(world.effects).toEqual(['echo', 'echo'])
  })

  it('after kill -9 in the middle the write is not repeated, by any process', async () => {
    const world = await opened()
    const child = startChild('api-child', world.root)
    const address = await child.line()
    const lost = send(address, 'POST', CALL, { body: { input: {} }, token: world.token, ...keyed('a') })
    const ended = expect(lost).rejects.toThrow()
    expect(await child.line()).toBe('running echo')
    await child.kill()
    await ended
    const answer = await world.post(CALL, { input: {} }, keyed('a'))
    expect([answer.status, answer.body.code]).toEqual([409, 'API_IDEMPOTENCY'])
    expect(world.effects).toEqual([])
  })
})

describe('a retired route', () => {
  const retired = part((app) => {
    app.get('/old', {
      schema: { operationId: 'getOld', summary: 'Old', response: { 200: { type: 'object' } } },
      config: {
        scope: 'test:read',
        deprecated: { since: '2026-01-02T00:00:00Z', sunset: '2027-01-02T00:00:00Z', instead: '/v1/new' },
      },
      handler: async () => ({ still: 'here' }),
    })
  })

  it('goes on answering, says so in its headers and in the document, and warns once in the log', async () => {
    const { get, api, logged } = await opened({ plugins: [retired] })
    for (let i = 0; i < 3; i++) {
      const { status, headers, body } = await get('/v1/old')
      expect([status, body]).toEqual([200, { still: 'here' }])
      expect(headers).toMatchObject({
        deprecation: '@1767312000',
        sunset: 'Sat, 02 Jan 2027 00:00:00 GMT',
        link: '</v1/new>; rel="successor-version"',
      })
    }
    expect(logged.filter((line) => line.includes('/v1/old'))).toHaveLength(1)
    const { paths } = (await api.document()) as { paths: Record<string, { get?: { deprecated?: boolean } }> }
    expect([paths['/old']?.get?.deprecated, paths['/tools']?.get?.deprecated]).toEqual([true, undefined])
  })
})

describe('a route that does not describe itself keeps the server from starting', () => {
  const good = {
    schema: { operationId: 'getIt', summary: 'It', response: { 200: { type: 'object' } } },
    config: { scope: 'test:read' as const },
    handler: async () => ({}),
  }
  it.each([
    ['operationId', { ...good, schema: { ...good.schema, operationId: undefined } }],
    ['summary', { ...good, schema: { ...good.schema, summary: '' } }],
    ['config.scope', { ...good, config: {} }],
    ['no success', { ...good, schema: { ...good.schema, response: { 404: { type: 'object' } } } }],
    ['open', { ...good, schema: { ...good.schema, querystring: { type: 'object', properties: {} } } }],
    ['taken', { ...good, schema: { ...good.schema, operationId: 'listTools' } }],
  ])('%s', async (problem, route) => {
    const bad = part((app) => void app.get('/it', route as typeof good))
    await expect(apiWorld({ plugins: [bad] })).rejects.toThrow(problem)
  })
})

describe('where it listens', () => {
  it('is written to .cloned/api.json, for this user alone, and removed at the end', async () => {
    const { root, address, kernel } = await opened()
    const path = join(root, '.cloned/api.json')
    const tokenFile = join(root, '.cloned/api/token')
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      version: 1,
      address,
      token_file: tokenFile,
      pid: process.pid,
    })
    expect([statSync(path).mode & 0o777, statSync(tokenFile).mode & 0o777]).toEqual([0o600, 0o600])
    expect(statSync(join(root, '.cloned/api')).mode & 0o777).toBe(0o700)
    await kernel.stop()
    expect(existsSync(path)).toBe(false)
  })

  it('processes that start at once have one token between them', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'cloned-token-'))
    const module = new URL('../../dist/plugins/api/token-file.js', import.meta.url).href
    const code = `import(${JSON.stringify(module)}).then(({ localToken }) => {
      const { parentPort, workerData } = require('node:worker_threads')
      parentPort.postMessage('ready')
      parentPort.postMessage(localToken(workerData).proof('', ''))
    })`
    const lock = new LockFile(join(directory, 'token.lock'))
    lock.lock(1_000)
    const starters = Array.from({ length: 4 }, () => new Worker(code, { eval: true, workerData: directory }))
    const proofs = starters.map(async (worker) => {
      const [first] = await once(worker, 'message')
      expect(first).toBe('ready')
      return once(worker, 'message')
    })
    // Nobody has made one while the lock is held, however early they looked.
    await Promise.all(starters.map((worker) => once(worker, 'message')))
    expect(existsSync(join(directory, 'token'))).toBe(false)
    lock.close()
    const said = (await Promise.all(proofs)).map(([proof]) => proof)
    expect(new Set(said)).toEqual(new Set([localToken(directory).proof('', '')]))
    await Promise.all(starters.map((worker) => worker.terminate()))
    rmSync(directory, { recursive: true })
  })

  it('"localhost" is one address, the same on every machine', async () => {
    const lookup = vi.spyOn(dns, 'lookup')
    const world = await opened({ listen: { host: 'localhost' } })
    expect(lookup.mock.calls.map(([name]) => name)).toEqual(['127.0.0.1'])
    lookup.mockRestore()
    expect(world.address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect((await world.get('/v1/healthz', { token: null })).status).toBe(200)
  })

  it('a Unix socket in a private directory needs no token', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cloned-sock-'))
    const world = await opened({ listen: { socket: join(folder, 'in/s') } })
    expect((await world.get('/v1/workspace', { token: null, headers: { host: 'localhost' } })).status).toBe(200)
    expect(statSync(join(folder, 'in')).mode & 0o777).toBe(0o700)
    rmSync(folder, { recursive: true })
  })

  it('takes the place of a Unix socket that nobody listens on any more, and of no other', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cloned-sock-'))
    const socket = join(folder, 's')
    const dead = createServer()
    await new Promise<void>((resolve) => dead.listen(join(folder, 'before'), resolve))
    // A server removes the path that it was given when it ends: under another name its socket stays, as after a crash.
    renameSync(join(folder, 'before'), socket)
    await new Promise((resolve) => dead.close(resolve))
    const world = await opened({ listen: { socket } })
    await expect(world.api.listen({ socket })).rejects.toMatchObject({ code: 'API_ADDRESS' })
    expect((await world.get('/v1/workspace', { token: null, headers: { host: 'localhost' } })).status).toBe(200)
    rmSync(folder, { recursive: true })
  })

  it.each([
    ['nothing', { host: '0.0.0.0' }],
    ['names only', { host: '0.0.0.0', names: ['x.example'] }],
    ['a trusted proxy without names', { host: '0.0.0.0', trustedProxy: '10.0.0.1' }],
    ['TLS without names', { host: '::', tls: { cert: '', key: '' } }],
  ])('an address for everybody is refused with %s', async (_, listen) => {
    await expect(apiWorld({ listen })).rejects.toMatchObject({ code: 'API_PUBLIC' })
  })
})

/** A host application with an authentication of its own: everybody is this principal. */
async function hosted(api: Api, principal: Principal): Promise<{ server: Server; address: string }> {
  const server = createServer((request, response) => void api.handle(request, response, principal))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

describe('inside a host application', () => {
  it('answers as the principal that the host names, with its scopes and no others', async () => {
    const { api } = await opened()
    const { server, address } = await hosted(api, {
      actor: { id: 'user:guest', claimed: false, osUser: 'host' },
      scopes: new Set(['tools:read']),
      via: 'host',
    })
    expect((await send(address, 'GET', '/v1/tools')).status).toBe(200)
    const refused = await send(address, 'GET', '/v1/workspace')
    expect([refused.status, refused.body.code]).toEqual([403, 'API_SCOPE'])
    server.close()
  })

  it('two workspaces in one process do not see each other', async () => {
    const roots = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'cloned-two-')))
    const kernels: Kernel[] = []
    for (const root of roots) {
      initWorkspace(root, { type: 'personal', now: Date.now })
      kernels.push(await open({ root, config: { 'cloned.audit': { thread: 'inline' } } as Record<string, Json> }))
    }
    const [one, two] = await Promise.all(
      kernels.map(async (kernel, i) => {
        const { address } = await kernel.service(apiSlot).listen()
        const token = readFileSync(join(roots[i] ?? '', '.cloned/api/token'), 'utf8').trim()
        return { address, token }
      }),
    )
    if (!one || !two) throw new Error('both were opened')
    const save = { input: { filename: 'only-in-one.md', content: 'x' } }
    const path = '/v1/tools/cloned.internal.artifact.save@v1/call'
    const { body } = await send(one.address, 'POST', path, { body: save, token: one.token })
    expect((await send(one.address, 'GET', `/v1/artifacts/${body.output.id}`, { token: one.token })).status).toBe(200)
    expect((await send(two.address, 'GET', `/v1/artifacts/${body.output.id}`, { token: two.token })).status).toBe(404)
    expect((await send(two.address, 'GET', '/v1/tools', { token: one.token })).status).toBe(401)
    for (const kernel of kernels) await kernel.stop()
    for (const root of roots) rmSync(root, { recursive: true, force: true })
  })
})

describe('in process, without a server', () => {
  it('a workspace is opened, called, run, subscribed to and closed', async () => {
    const { kernel } = await opened()
    const end = new AbortController()
    const events = kernel.service(eventsSlot)
    await events.takeIn()
    const { last } = await events.range()
    const seen = (async () => {
      const types: string[] = []
      for await (const page of events.follow({ after: last, types: ['tool.', 'run.'] }, end.signal)) {
        types.push(...page.events.map(({ type }) => type))
        if (types.includes('run.done')) end.abort()
      }
      return types
    })()
    expect(await kernel.call({ tool: toolId('echo'), input: { n: 1 } })).toMatchObject({ status: 'done' })
    const runs = kernel.service(runsSlot)
    const { id } = await runs.start({ pipeline: PIPELINE, inputs: {} })
    expect(await runs.settled(id)).toMatchObject({ state: 'done' })
    expect(await seen).toEqual(expect.arrayContaining(['tool.intent', 'tool.outcome', 'run.done']))
    await kernel.stop()
    expect(await kernel.call({ tool: toolId('echo'), input: {} })).toMatchObject({ status: 'denied' })
  })
})

describe('a slow tool', () => {
  it('is cancelled when the client goes away', async () => {
    const world = await opened()
    const started = gatePromise()
    const cancelled = gatePromise()
    world.effect = (_, __, { signal }) => {
      started.open()
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          cancelled.open()
          reject(new Error('cancelled'))
        })
      })
    }
    const gone = new AbortController()
    const asked = fetch(`${world.address}${CALL}`, {
      method: 'POST',
      signal: gone.signal,
      headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/json' },
      body: '{"input":{}}',
    })
    const failed = expect(asked).rejects.toThrow()
    await started.opened
    gone.abort()
    await failed
    await cancelled.opened
  })
})
