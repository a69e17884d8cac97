// The example for GitHub issues in the sandbox and through the firewall, against a server that plays the REST API.
import { readFileSync } from 'node:fs'
import { approvalsSlot } from 'cloned/kernel'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { draftOf } from '../../connector/manifest.js'
import { githubIssues } from '../../examples/connector-github-issues/connector.js'
import type { PackageTool } from '../../plugins/package/slot.js'
import { vaultSlot } from '../../plugins/vault/slot.js'
import { testFirewall } from './connectors-egress-fixture.js'
import { type ConnectorsWorld, canConfine, connectorsWorld, NO_SANDBOX } from './connectors-fixture.js'
import { certificate, tlsServer } from './egress-proxy-fixture.js'
import { type FakeDns, fakeDns, LOOPBACK, type LoopbackServer } from './firewall-fixture.js'

const HOST = 'github.test'
const TOKEN = 'ghp_not_a_real_token_0123456789'
const REPOSITORY = { owner: 'octo', repo: 'hello' }

/** One issue as GET /repos/{owner}/{repo}/issues lists it, the fields that nobody reads left out. */
const issue = (number: number, more: object = {}) => ({
  id: 1_000_000 + number,
  number,
  state: 'open',
  title: `Issue ${number}`,
  html_url: `https://github.com/octo/hello/issues/${number}`,
  user: { login: 'ada', id: 1, type: 'User' },
  labels: [{ id: 7, name: 'bug', color: 'd73a4a', default: true }],
  ...more,
})

type Played = { status?: number; headers?: Record<string, string>; body: unknown }

describe.skipIf(!canConfine)(`issues of GitHub (skipped only where ${NO_SANDBOX})`, () => {
  const cert = certificate(HOST, 'evil.test')
  let world: ConnectorsWorld
  let server: LoopbackServer
  let dns: FakeDns
  let play: (method: string, path: string) => Played
  let tokens: Set<string | undefined>
  const origin = () => `https://${HOST}:${server.port}`

  beforeAll(async () => {
    dns = await fakeDns({ [HOST]: [['127.0.0.1']], 'evil.test': [['127.0.0.1']] })
    server = await tlsServer(cert, (request, response) => {
      tokens.add(request.headers.authorization)
      const { status = 200, headers = {}, body } = play(String(request.method), String(request.url))
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
    })
    const rule = (host: string) => ({
      host,
      addresses: LOOPBACK,
      ports: [server.port],
      methods: ['GET', 'POST'],
    })
    world = await connectorsWorld({
      plugins: [testFirewall({ names: dns.address, ca: cert.cert, allow: [rule(HOST), rule('evil.test')] })],
    })
    const compiled = new URL('../../dist/examples/connector-github-issues/connector.js', import.meta.url)
    world.enable({
      id: 'acme.github-issues',
      files: {
        'package.json': '{"type":"module"}',
        'connector.js': readFileSync(compiled, 'utf8'),
        'main.mjs': `import { serve } from 'cloned/connector'
import { githubIssues } from './connector.js'
serve(githubIssues('${origin()}'))`,
      },
      tools: draftOf(githubIssues(origin())).tools as unknown as readonly PackageTool[],
    })
    const stored = await world.kernel.service(vaultSlot).put('github-token', Buffer.from(TOKEN), {
      hosts: [`${HOST}:${server.port}`],
      tools: ['connector.acme.github-issues.*'],
      slots: ['header:authorization'],
    })
    if (stored.status !== 'pending') throw new Error(stored.status)
    await approve(stored.approval)
  })
  beforeEach(() => {
    tokens = new Set()
    server.requests.length = 0
  })
  afterAll(async () => {
    await world.close()
    await Promise.all([server.close(), dns.close()])
  })

  const approve = async ({ id, action }: { id: string; action: { actor: never } | object }) =>
    await world.kernel.service(approvalsSlot).decide(id, { verdict: 'approve', by: (action as { actor: never }).actor })

  it('are listed over as many pages as it takes, without pull requests, each with the token', async () => {
    const pages = [
      Array.from({ length: 100 }, (_, i) => issue(300 - i, i % 10 === 0 ? { pull_request: { url: 'x' } } : {})),
      Array.from({ length: 100 }, (_, i) => issue(200 - i)),
      [issue(100, { user: null, labels: ['plain'] })],
    ]
    play = (_, path) => {
      const page = Number(new URL(path, origin()).searchParams.get('page') ?? 1)
      const next = `${origin()}/repos/octo/hello/issues?state=all&per_page=100&page=${page + 1}`
      const link = page < pages.length ? { link: `<${next}>; rel="next", <${origin()}/x>; rel="last"` } : {}
      return { headers: { ...link, 'x-ratelimit-remaining': '4999' }, body: pages[page - 1] }
    }
    const outcome = await world.call('acme.github-issues.list@v1', { ...REPOSITORY, state: 'all', limit: 500 })
    expect(outcome).toMatchObject({ status: 'done' })
    const { issues } = (outcome as unknown as { output: { issues: { number: number }[] } }).output
    expect(issues).toHaveLength(191)
    expect(issues.at(-1)).toMatchObject({ number: 100, author: 'ghost', labels: ['plain'] })
    expect(server.requests).toHaveLength(3)
    expect([...tokens]).toEqual([`Bearer ${TOKEN}`])
  })

  it('are read no further than they are wanted', async () => {
    const body = Array.from({ length: 100 }, (_, i) => issue(300 - i))
    play = () => ({ headers: { link: `<${origin()}/more>; rel="next"` }, body })
    const outcome = await world.call('acme.github-issues.list@v1', { ...REPOSITORY, limit: 10 })
    expect((outcome as unknown as { output: { issues: object[] } }).output.issues).toHaveLength(10)
    expect(server.requests).toHaveLength(1)
  })

  it('do not lead to another host, whatever the server says comes next', async () => {
    play = () => ({ headers: { link: `<https://evil.test:${server.port}/x>; rel="next"` }, body: [issue(1)] })
    const outcome = await world.call('acme.github-issues.list@v1', REPOSITORY)
    expect(outcome).toMatchObject({ status: 'failed', code: 'EGRESS_DENIED' })
    expect(server.requests).toEqual([expect.stringContaining(`GET ${HOST}:${server.port} `)])
  })

  it.each<[string, Played, RegExp]>([
    [
      'by the limit of the hour',
      {
        status: 403,
        headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1893456000' },
        body: { message: 'API rate limit exceeded for user ID 1.' },
      },
      /after 2030-01-01T00:00:00/,
    ],
    [
      'by the secondary limit',
      { status: 429, headers: { 'retry-after': '60' }, body: { message: 'You have exceeded a secondary rate limit.' } },
      /in 60 seconds/,
    ],
  ])(
    'are not asked for again when the server holds back %s, and the answer says until when',
    async (_, answer, help) => {
      play = () => answer
      const outcome = await world.call('acme.github-issues.list@v1', REPOSITORY)
      expect(outcome).toMatchObject({
        status: 'failed',
        code: 'GITHUB_RATE_LIMIT',
        help: expect.stringMatching(help),
      })
      expect(server.requests).toHaveLength(1)
    },
  )

  it.each<[string, number, string]>([
    ['a token that does not count', 401, 'Bad credentials'],
    ['a repository that is not there, or not to be seen', 404, 'Not Found'],
    ['a server that fails', 502, 'Server Error'],
  ])('are not had with %s, and the answer says what GitHub said and never the token', async (_, status, message) => {
    play = () => ({
      status,
      body: { message, documentation_url: 'https://docs.github.com/rest', status: String(status) },
    })
    const outcome = await world.call('acme.github-issues.list@v1', REPOSITORY)
    expect(outcome).toMatchObject({
      status: 'failed',
      code: 'GITHUB',
      reason: expect.stringContaining(`GitHub answered ${status}: ${message}`),
    })
    expect(JSON.stringify(outcome)).not.toContain(TOKEN)
    expect([server.requests.length, ...tokens]).toEqual([1, `Bearer ${TOKEN}`])
  })

  it('are opened once a person has approved it', async () => {
    play = () => ({ status: 201, headers: { location: `${origin()}/repos/octo/hello/issues/7` }, body: issue(7) })
    const input = { ...REPOSITORY, title: 'New', body: 'Text' }
    const waiting = await world.call('acme.github-issues.open@v1', input)
    if (waiting.status !== 'pending') throw new Error(JSON.stringify(waiting))
    expect(server.requests).toEqual([])
    await approve(waiting.approval)
    const outcome = await world.call('acme.github-issues.open@v1', input)
    expect(outcome).toMatchObject({ status: 'done', output: { number: 7 } })
    expect(server.requests).toHaveLength(1)
  })
})
