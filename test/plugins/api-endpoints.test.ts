// Holds protocols beside the routes of the API to where they may stand and to what becomes of their faults.
import { definePlugin } from 'cloned/kernel'
import { type ApiEndpoint, endpointsCollection } from 'cloned/plugins/api'
import { afterEach, describe, expect, it } from 'vitest'
import { type ApiWorld, apiWorld } from './api-fixture.js'

const worlds: ApiWorld[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

function endpoint(path: `/${string}`, handle: ApiEndpoint['handle']) {
  return definePlugin({
    id: 'test.endpoint',
    version: '1.0.0',
    kernel: '^0.1.0',
    contributes: { endpoints: endpointsCollection },
    setup: () => ({ endpoints: [{ path, scope: 'test:use' as const, methods: ['GET', 'POST'] as const, handle }] }),
  })
}
async function opened(handle: ApiEndpoint['handle'], path: `/${string}` = '/test'): Promise<ApiWorld> {
  const world = await apiWorld({ plugins: [endpoint(path, handle)] })
  worlds.push(world)
  return world
}

describe('an endpoint', () => {
  it.each<`/${string}`>(['/', '/v1', '/v2', '/v1/tools', '/a/b', '/:id', '/*', '/Upper'])(
    'has no path %s',
    async (path) => {
      await expect(opened(async () => {}, path)).rejects.toMatchObject({ code: 'API_ROUTE' })
    },
  )

  it('reads its body itself, whatever that is, and is not asked for other methods', async () => {
    const world = await opened(async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      response.end(`${request.method} ${text}`)
    })
    const headers = { 'content-type': 'text/plain', 'content-length': '3' }
    expect((await world.ask('POST', '/test', { raw: '{{{', headers })).text).toBe('POST {{{')
    expect((await world.ask('PUT', '/test', { raw: '{{{', headers })).status).toBe(404)
  })

  it('ends the connection when it fails, says so in the log, and serves the next request', async () => {
    let calls = 0
    const world = await opened(async (_, response) => {
      if (++calls === 1) throw new Error('it broke')
      response.end('well')
    })
    await expect(world.get('/test')).rejects.toThrow()
    expect(world.logged).toContain('a request failed')
    expect((await world.get('/test')).text).toBe('well')
  })

  it('sees nobody who has not the scope', async () => {
    let seen = 0
    const world = await opened(async (_, response) => {
      seen++
      response.end()
    })
    expect((await world.ask('GET', '/test', { token: null })).status).toBe(401)
    expect(seen).toBe(0)
  })
})
