// The rules that every HTTP API keeps, as cases for any test runner; must never rely on what it is built with.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { definePlugin, type Json } from 'cloned/kernel'
import {
  type Bench,
  benchRules,
  benchTool,
  benchTools,
  type ContractCase,
  codeOf,
  type OpenReplaced,
  type TestWorkspace,
} from 'cloned/testing'
import { apiSlot, authenticatorsCollection, type Principal, routesCollection, type Scope } from './slot.js'
import { type Answer, type Ask, request } from './testing-request.js'

/** What an API can besides. */
export interface ApiAbilities {
  /** Serves the parts that plugins contribute: it is built on Fastify. */
  readonly parts?: boolean
}

/** The contract of slot `cloned.api`. */
export function apiSuite(open: OpenReplaced, { parts = false }: ApiAbilities = {}): readonly ContractCase[] {
  const rule = benchRules(open, () => authenticating(parts))
  return [
    rule('listens on this machine only, and says where to whoever may read it', async ({ kernel, root }) => {
      const { address } = await kernel.service(apiSlot).listen()
      assert.match(address, /^http:\/\/127\.0\.0\.1:\d+$/)
      const path = join(root, '.cloned/api.json')
      const { version, address: told, token_file: file, pid } = JSON.parse(readFileSync(path, 'utf8'))
      assert.deepEqual([version, told, pid], [1, address, process.pid])
      for (const one of [path, file]) assert.equal(statSync(one).mode & 0o777, 0o600, one)
      const token = readFileSync(file, 'utf8').trim()
      assert.ok(token.length >= 32 && !readFileSync(path, 'utf8').includes(token))
    }),
    rule('without the right proof nothing is answered but 401, which does not say why', async (subject) => {
      const { address, token } = await listening(subject)
      const paths = await guarded(subject)
      assert.ok(paths.length > 0, 'there is nothing to ask for')
      for (const path of paths) {
        problem(await request(address, 'GET', path), 401, 'API_UNAUTHENTICATED')
        const { status } = await request(address, 'GET', path, { authorization: `Bearer ${token}` })
        assert.ok(status !== 401 && status !== 403 && status < 500, `${path}: ${status}`)
      }
      const [path = ''] = paths
      const wrong = [
        await request(address, 'GET', path),
        await request(address, 'GET', path, { authorization: `Bearer ${token.slice(1)}x` }),
        await request(address, 'GET', path, { authorization: `Basic ${token}` }),
        await request(address, 'GET', `${path}?token=${token}&access_token=${token}`),
      ]
      for (const { status, body } of wrong) assert.deepEqual([status, body.code], [401, 'API_UNAUTHENTICATED'])
      assert.equal(new Set(wrong.map(({ body }) => body.detail)).size, 1)
    }),
    rule('whoever guesses is locked out, and the owner is not', async (subject) => {
      const { address, token, path } = await listening(subject)
      const guess = () => request(address, 'GET', path, { authorization: 'Bearer wrong' })
      let status = 401
      for (let n = 0; n < 50 && status === 401; n++) ({ status } = await guess())
      assert.equal(status, 429)
      assert.ok((await request(address, 'GET', path, { authorization: `Bearer ${token}` })).status < 400)
    }),
    rule('a page of another site gets nothing, whatever it knows', async (subject) => {
      const { address, token, path } = await listening(subject)
      const authorization = `Bearer ${token}`
      const foreign: Record<string, string>[] = [
        { host: 'evil.example' },
        { host: `evil.example:${new URL(address).port}` },
        { host: '127.0.0.1.evil.example' },
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
      ]
      for (const headers of foreign) {
        const { status, headers: answered } = await request(address, 'GET', path, { authorization, ...headers })
        assert.ok(status >= 400 && status < 500, `${JSON.stringify(headers)}: ${status}`)
        assert.equal(answered['access-control-allow-origin'], undefined)
      }
    }),
    rule('is not opened to other machines without TLS or a proxy in front', async ({ kernel }) => {
      const api = kernel.service(apiSlot)
      for (const host of ['0.0.0.0', '::', '192.0.2.1'])
        assert.equal(await codeOf(() => api.listen({ host })), 'API_PUBLIC', host)
    }),
    rule('an address that is taken is an error that names it', async ({ kernel }) => {
      const api = kernel.service(apiSlot)
      const { address } = await api.listen()
      const { port } = new URL(address)
      await assert.rejects(api.listen({ port: Number(port) }), (error: { code?: string; message?: string }) => {
        assert.equal(error.code, 'API_ADDRESS')
        return error.message?.includes(port) === true
      })
    }),
    rule('whoever can connect to its private socket is the owner', async (subject) => {
      const socket = join(subject.root, '.cloned/api/s')
      const { address } = await subject.kernel.service(apiSlot).listen({ socket })
      assert.equal(address, `unix:${socket}`)
      assert.equal(statSync(join(socket, '..')).mode & 0o077, 0)
      const [path = ''] = await guarded(subject)
      assert.ok((await request(address, 'GET', path, { host: 'localhost' })).status < 400)
    }),
    rule('ends with its close, or with the kernel', async (subject) => {
      const api = subject.kernel.service(apiSlot)
      const description = join(subject.root, '.cloned/api.json')
      const first = await api.listen()
      await first.close()
      await first.close()
      assert.ok(!existsSync(description))
      await assert.rejects(request(first.address, 'GET', '/v1'), { code: 'ECONNREFUSED' })
      const second = await api.listen()
      await subject.kernel.stop()
      assert.ok(!existsSync(description))
      await assert.rejects(request(second.address, 'GET', '/v1'), { code: 'ECONNREFUSED' })
    }),
    rule('a call is governed: 200 done, 202 waits, 403 denied, and by whom it was asked', async (subject, { ran }) => {
      const { address, token } = await listening(subject)
      const call = (tool: string, body: Ask['body'] = { input: { n: 1 } }) =>
        request(address, 'POST', `/v1/tools/${tool}/call`, { authorization: `Bearer ${token}` }, { body })
      const done = await call(benchTool('free'))
      assert.deepEqual([done.status, done.body.status, done.body.output], [200, 'done', { n: 1 }])
      const waits = await call(benchTool('asked'))
      assert.deepEqual([waits.status, waits.body.status], [202, 'pending'])
      assert.match(waits.body.approval_id, /^ap_/)
      problem(await call(benchTool('refused')), 403, 'BENCH_REFUSED')
      problem(await call('bench.unheard-of.run@v1'), 403, 'TOOL_UNKNOWN')
      assert.equal((await call(benchTool('free'), { input: {}, unheard_of: 1 })).status, 400)
      assert.equal((await call(benchTool('free'), [])).status, 400)
      assert.deepEqual(
        ran.map(({ actor }) => actor),
        [subject.kernel.actor().id],
      )
    }),
    rule('a contributed proof counts, with its scopes and under its name', async (subject, { ran }) => {
      const { address } = await listening(subject)
      const path = `/v1/tools/${benchTool('free')}/call`
      const as = (credentials: string) =>
        request(address, 'POST', path, { authorization: `Bench ${credentials}` }, { body: { input: {} } })
      assert.equal((await as('tools:call')).status, 200)
      problem(await as('tools:read'), 403, 'API_SCOPE')
      problem(await as('nobody'), 401, 'API_UNAUTHENTICATED')
      const thrown = await as('throw')
      assert.ok(thrown.status >= 400 && !thrown.text.includes('canary'), thrown.text)
      assert.deepEqual(
        ran.map(({ actor }) => actor),
        ['device:bench'],
      )
    }),
    rule('inside a host it answers as the principal that the host says', async (subject, { ran }) => {
      const api = subject.kernel.service(apiSlot)
      const path = `/v1/tools/${benchTool('free')}/call`
      const as = async (scopes: readonly Scope[]) => {
        const principal: Principal = {
          actor: subject.kernel.actor({ id: 'user:hosted', osUser: '' }),
          scopes: new Set(scopes),
          via: 'host',
        }
        const server = createServer((asked, answer) => void api.handle(asked, answer, principal))
        await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
        const { port } = server.address() as AddressInfo
        try {
          return await request(`http://127.0.0.1:${port}`, 'POST', path, { host: 'app' }, { body: { input: {} } })
        } finally {
          server.close()
        }
      }
      assert.equal((await as(['tools:call'])).status, 200)
      problem(await as(['tools:read']), 403, 'API_SCOPE')
      assert.deepEqual(
        ran.map(({ actor }) => actor),
        ['user:hosted'],
      )
    }),
    rule('describes itself: OpenAPI 3.1, every operation under a name of its own', async ({ kernel }) => {
      const { openapi, paths } = (await kernel.service(apiSlot).document()) as unknown as Document
      assert.match(openapi, /^3\.1\./)
      const names = Object.values(paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId))
      assert.ok(names.every((name) => typeof name === 'string' && name !== ''))
      assert.equal(new Set(names).size, names.length)
    }),
    ...(parts
      ? [
          rule('serves what plugins contribute, within its scope, and describes it', async (subject) => {
            const { address, token } = await listening(subject)
            const path = '/v1/bench/hello'
            const { status, body } = await request(address, 'GET', path, { authorization: `Bearer ${token}` })
            assert.deepEqual([status, body], [200, { hello: subject.kernel.actor().id }])
            problem(await request(address, 'GET', path, { authorization: 'Bench tools:read' }), 403, 'API_SCOPE')
            const { paths } = (await subject.kernel.service(apiSlot).document()) as unknown as Document
            assert.equal(paths['/bench/hello']?.['get']?.operationId, 'benchHello')
          }),
        ]
      : []),
  ]
}

interface Document {
  readonly openapi: string
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly operationId?: string; readonly security?: readonly Json[] }>>>
  >
}

/** Paths that can be read as they are, and not by everybody. */
async function guarded({ kernel }: TestWorkspace): Promise<string[]> {
  const { paths } = (await kernel.service(apiSlot).document()) as unknown as Document
  return Object.entries(paths)
    .filter(([path, { get }]) => get && get.security?.length !== 0 && !path.includes('{'))
    .map(([path]) => `/v1${path}`)
}

async function listening(subject: TestWorkspace): Promise<{ address: string; token: string; path: string }> {
  const { address } = await subject.kernel.service(apiSlot).listen()
  const { token_file: file } = JSON.parse(readFileSync(join(subject.root, '.cloned/api.json'), 'utf8'))
  const [path = ''] = await guarded(subject)
  return { address, token: readFileSync(file, 'utf8').trim(), path }
}

function problem({ status, headers, body }: Answer, wanted: number, code: string): void {
  assert.deepEqual([status, body.code, body.status], [wanted, code, wanted])
  assert.match(String(headers['content-type']), /^application\/problem\+json/)
}

/** Tools, a scheme whose credentials are the scopes that they give, and a part to serve. */
function authenticating(parts: boolean): Bench {
  const shared = { version: '1.0.0', kernel: '^0.1.0', stability: 'stable' } as const
  const scheme = definePlugin({
    id: 'bench.scheme',
    ...shared,
    contributes: { authenticators: authenticatorsCollection },
    setup: () => ({
      authenticators: [
        {
          scheme: 'Bench',
          async authenticate({ credentials }) {
            if (credentials === 'throw') throw new Error('canary')
            if (credentials === 'nobody') return undefined
            const actor = { id: 'device:bench', claimed: false, osUser: '' }
            return { actor, scopes: new Set([credentials as Scope]), via: 'bench' }
          },
        },
      ],
    }),
  })
  const part = definePlugin({
    id: 'bench.part',
    ...shared,
    contributes: { routes: routesCollection },
    setup: () => ({
      routes: [
        {
          tag: 'bench',
          register(app, api) {
            app.get('/bench/hello', {
              schema: { operationId: 'benchHello', summary: 'Greets', response: { 200: { type: 'object' } } },
              config: { scope: 'bench:read' },
              handler: async (asked) => ({ hello: api.principal(asked).actor.id }),
            })
          },
        },
      ],
    }),
  })
  return benchTools(scheme, ...(parts ? [part] : []))
}
