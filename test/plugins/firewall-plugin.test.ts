// The firewall as a plugin: through the gate, by the policy in force, under the eyes of other guards and in the audit log.

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  allow,
  approvalsSlot,
  auditSlot,
  beforeEgress,
  createKernel,
  defineDistribution,
  definePlugin,
  defineTool,
  deny,
  type Kernel,
  type Outcome,
  type Plugin,
  policyWrite,
  toolsCollection,
} from 'cloned/kernel'
import { firewallPlugin, firewallSlot } from 'cloned/plugins/firewall'
import { policySlot } from 'cloned/plugins/policy'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { defaultDistribution, initWorkspace } from '../../plugins/default.js'

const FETCH = 'cloned.internal.http.fetch@v1'
const AGENT = 'agent:tester'

let server: Server
let port = 0
let hits: string[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    hits.push(`${request.method} ${request.url}`)
    response.setHeader('set-cookie', ['a=1', 'b=2'])
    if (request.url === '/binary') return void response.end(Buffer.from([0xff, 0xfe, 0x00]))
    if (request.url === '/away') return void response.writeHead(302, { location: 'http://evil.test/' }).end()
    if (request.url === '/slow') return void response.write('half')
    response.end(`hello ${request.url}`)
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  port = (server.address() as AddressInfo).port
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

let root = ''
let opened: Kernel[] = []
beforeEach(() => {
  hits = []
  root = mkdtempSync(join(tmpdir(), 'cloned-firewall-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
})
afterEach(async () => {
  for (const kernel of opened) await kernel.stop()
  opened = []
  rmSync(root, { recursive: true, force: true })
})

async function open(plugins: readonly Plugin[] = [], more: object = {}): Promise<Kernel> {
  const kernel = createKernel(defaultDistribution({ plugins, ...more }), {
    config: { 'cloned.workspace': { root }, 'cloned.audit': { thread: 'inline' } },
    osUser: 'ann',
  })
  await kernel.start()
  opened.push(kernel)
  return kernel
}

function fetching(kernel: Kernel, url: string, input: object = {}): Promise<Outcome> {
  return kernel.call({ tool: FETCH, input: { url, ...input }, actor: AGENT })
}

function writing(kernel: Kernel, egress: readonly string[], previous = kernel.service(policySlot).snapshot().overlay) {
  const content = ['version: 1', 'pack: personal', ...egress].join('\n')
  return kernel.act(policyWrite, { target: 'personal', input: { pack: 'personal', content, previous }, actor: AGENT })
}

async function approved(kernel: Kernel, egress: readonly string[]): Promise<void> {
  const outcome = await writing(kernel, egress)
  if (outcome.status !== 'pending') throw new Error(JSON.stringify(outcome))
  const by = kernel.actor('user:ann')
  const decided = await kernel.service(approvalsSlot).decide(outcome.approval.id, { verdict: 'approve', by })
  expect(decided.outcome).toMatchObject({ status: 'done' })
}

const loopback = (tool = FETCH) => [
  'egress:',
  '  tools:',
  `    ${tool}:`,
  '      allow:',
  `        - { host: 127.0.0.1, schemes: [http], ports: [${port}] }`,
]

describe('a request of a tool', () => {
  it('is denied by default, and the denial names the narrowest rule', async () => {
    const kernel = await open()
    const outcome = await fetching(kernel, `http://127.0.0.1:${port}/a?secret=1`)
    expect(outcome).toMatchObject({ status: 'failed', effect: 'none', code: 'EGRESS_DENIED' })
    const text = JSON.stringify(outcome)
    expect(text).toContain(
      `cloned firewall allow 127.0.0.1 --tool ${FETCH} --scheme http --port ${port} --method GET,HEAD`,
    )
    expect(text).toContain('cloned.internal.security.egress.update@v1')
    expect(text, 'no more of the URL than where it leads').not.toContain('secret=1')
    expect(hits).toEqual([])
  })

  it('passes once a rule was approved, without a restart, and is denied again once it is gone', async () => {
    const kernel = await open()
    await approved(kernel, loopback())
    const passed = await fetching(kernel, `http://127.0.0.1:${port}/a`)
    expect(passed).toMatchObject({ status: 'done', output: { status: 200, body: 'hello /a', encoding: 'utf8' } })
    expect(JSON.stringify(passed), 'cookies are for browsers').not.toContain('a=1')
    await approved(kernel, [])
    expect(await fetching(kernel, `http://127.0.0.1:${port}/a`)).toMatchObject({ code: 'EGRESS_DENIED' })
    expect(hits).toEqual(['GET /a'])
  })

  it('passes in another process as soon as the rule is approved in this one', async () => {
    const [one, two] = [await open(), await open()]
    expect(await fetching(two, `http://127.0.0.1:${port}/`)).toMatchObject({ code: 'EGRESS_DENIED' })
    await approved(one, loopback())
    await expect
      .poll(async () => (await fetching(two, `http://127.0.0.1:${port}/`)).status, { timeout: 5_000, interval: 20 })
      .toBe('done')
  })

  it('that is under way ends when its rule goes', async () => {
    const kernel = await open()
    await approved(kernel, loopback())
    const slow = fetching(kernel, `http://127.0.0.1:${port}/slow`)
    await expect.poll(() => hits).toEqual(['GET /slow'])
    await approved(kernel, [])
    expect(await slow).toMatchObject({ status: 'failed', effect: 'unknown', code: 'EGRESS_REVOKED' })
  })

  it('answers what is no text as base64', async () => {
    const kernel = await open()
    await approved(kernel, loopback())
    expect(await fetching(kernel, `http://127.0.0.1:${port}/binary`)).toMatchObject({
      output: { body: Buffer.from([0xff, 0xfe, 0x00]).toString('base64'), encoding: 'base64' },
    })
  })

  it('is recorded with its ballot, hop by hop', async () => {
    const kernel = await open()
    await approved(kernel, loopback())
    const outcome = await fetching(kernel, `http://127.0.0.1:${port}/away`)
    expect(outcome).toMatchObject({ code: 'EGRESS_REDIRECT' })
    const records = await kernel.service(auditSlot).find(outcome.callId)
    const checks = records.map(({ record }) => record).filter(({ type }) => type === 'check.before_egress')
    expect(checks).toMatchObject([
      { allowed: true, subject: { method: 'GET', url: `http://127.0.0.1:${port}/away` } },
      { allowed: false, subject: { method: 'GET', url: 'http://evil.test/' } },
    ])
    expect(JSON.stringify(checks[1]?.['ballot'])).toContain('EGRESS_DENIED')
  })

  it('asks for the rules of its own tool, not of another', async () => {
    const kernel = await open()
    await approved(kernel, loopback('acme.other.tool@v1'))
    expect(await fetching(kernel, `http://127.0.0.1:${port}/`)).toMatchObject({ code: 'EGRESS_DENIED' })
  })

  it.each([`http://user@127.0.0.1/`, 'http://0x7f.1/', 'http://a.test\\@b.test/', 'file:///etc/passwd'])(
    'to %s is refused whatever the rules say',
    async (url) => {
      const kernel = await open()
      expect(await fetching(kernel, url)).toMatchObject({ effect: 'none', code: 'EGRESS_DENIED' })
    },
  )
})

describe('other guards', () => {
  const guarded = (vote: () => unknown) =>
    definePlugin({
      id: 'acme.guard',
      version: '1.0.0',
      kernel: '^0.1.0',
      taps: [beforeEgress],
      setup: ({ hooks }) => hooks.guard(beforeEgress, () => vote() as undefined),
    })
  it.each<[string, () => unknown]>([
    ['denies', () => deny('not today')],
    [
      'throws',
      () => {
        throw new Error('x')
      },
    ],
    ['answers junk', () => 'yes'],
    ['asks', () => ({ effect: 'ask', reason: 'sure?', key: 'k' })],
    ['hangs', () => new Promise(() => undefined)],
  ])('one that %s stops what the rules allow', async (_, vote) => {
    const kernel = await open([guarded(vote)], { limits: { checkMs: 100 } })
    await approved(kernel, loopback())
    expect(await fetching(kernel, `http://127.0.0.1:${port}/`)).toMatchObject({ code: 'EGRESS_DENIED' })
    expect(hits).toEqual([])
  })

  it('one that allows lifts nothing', async () => {
    const kernel = await open([guarded(() => allow())])
    expect(await fetching(kernel, `http://127.0.0.1:${port}/`)).toMatchObject({ code: 'EGRESS_DENIED' })
  })
})

describe('policy writes', () => {
  it.each([
    [
      'a rule for what belongs to many',
      ['egress:', '  global:', '    allow:', '      - host: "*.github.io"'],
      /different owners/,
    ],
    [
      'a rule in another spelling',
      ['egress:', '  global:', '    deny:', '      - host: a.test.'],
      /one spelling: a\.test/,
    ],
    [
      'a rule for metadata',
      ['egress:', '  global:', '    allow:', '      - { host: 169.254.169.254, ports: [80] }'],
      /never contacted/,
    ],
  ])('with %s are denied before anybody is asked', async (_, egress, reason) => {
    const kernel = await open()
    const outcome = await writing(kernel, egress)
    expect(outcome).toMatchObject({ status: 'denied' })
    expect(JSON.stringify(outcome)).toMatch(reason)
    expect(JSON.stringify(outcome)).toContain('.cloned/policy/personal.yaml:')
  })

  it.each([
    ['egress:', '  global:', '    allow:', '      - host: A.test'],
    ['egress:', '  global:', '    allow:', '      - { host: a.test, hosts: [b.test] }'],
    ['egress:', '  globl: {}'],
    ['egress:', '  tools:', '    acme.x: {}'],
    ['egress:', '  global:', '    allow:', '      - { host: a.test, methods: [CONNECT] }'],
    ['egress:', '  global:', '    allow:', '      - { host: a.test, ports: [0] }'],
    ['egress:', '  global:', '    allow: []', '    ask: []'],
  ])('that no schema takes are denied: %s %s %s %s', async (...lines) => {
    const kernel = await open()
    expect(
      await writing(
        kernel,
        lines.filter((line) => typeof line === 'string'),
      ),
    ).toMatchObject({ status: 'denied' })
  })

  it('show every rule with its place', async () => {
    const kernel = await open()
    await approved(kernel, loopback())
    const { egress } = kernel.service(policySlot).snapshot()
    expect(egress.tools[FETCH]?.allow).toEqual([
      {
        host: '127.0.0.1',
        schemes: ['http'],
        ports: [port],
        at: expect.stringMatching(/^\.cloned\/policy\/personal\.yaml:\d+ egress\.tools\./),
      },
    ])
  })
})

describe('the service', () => {
  it('explains what it would answer, without asking anybody', async () => {
    const kernel = await open()
    await approved(kernel, loopback())
    const firewall = kernel.service(firewallSlot)
    const url = `http://127.0.0.1:${port}/x`
    expect(firewall.decide({ tool: FETCH }, 'GET', url)).toMatchObject({
      allowed: true,
      rule: expect.stringContaining('egress.tools'),
    })
    expect(firewall.explain({ tool: FETCH }, 'GET', url)).toMatchObject({
      host: '127.0.0.1',
      decision: { allowed: true },
    })
    expect(firewall.explain({ tool: 'other.tool@v1' }, 'POST', 'https://a.test/x')).toMatchObject({
      host: 'a.test',
      decision: { allowed: false, code: 'NO_RULE' },
      next: expect.stringContaining('cloned firewall allow a.test --tool other.tool@v1 --method POST'),
      propose: {
        tool: 'cloned.internal.security.egress.update@v1',
        input: { tool: 'other.tool@v1', add: [{ host: 'a.test', methods: ['POST'] }] },
      },
    })
    expect(firewall.explain({ tool: 'policy.write', connector: 'mail' }, 'GET', 'https://a.test/')).toMatchObject({
      next: expect.stringContaining('cloned firewall allow a.test --connector mail --method GET,HEAD'),
    })
    expect(firewall.decide({ tool: FETCH }, 'GET', 'http://a b/')).toMatchObject({ allowed: false, code: 'CHARACTER' })
    expect(hits).toEqual([])
  })

  it('lets nothing out of a tool that has ended', async () => {
    let late: (() => Promise<unknown>) | undefined
    const tool = defineTool({
      id: 'test.late.fetch@v1',
      title: 'x',
      description: 'x',
      risk: 'low',
      capability: 'test',
      input: { type: 'object' },
      output: {},
      handler: (_, ctx) => {
        late = () => kernel.service(firewallSlot).fetch(ctx, `http://127.0.0.1:${port}/`)
        return {}
      },
    })
    const host = definePlugin({
      id: 'test.host',
      version: '1.0.0',
      kernel: '^0.1.0',
      contributes: { tools: toolsCollection },
      setup: () => ({ tools: [tool] }),
    })
    const kernel = await open([host])
    await approved(kernel, loopback('test.late.fetch@v1'))
    expect(await kernel.call({ tool: tool.id, input: {}, actor: AGENT })).toMatchObject({ status: 'done' })
    await expect(late?.()).rejects.toMatchObject({ code: 'CHECK_OUTSIDE' })
    expect(hits).toEqual([])
  })
})

describe('a distribution', () => {
  it('without the firewall does not start', () => {
    expect(() => createKernel(defaultDistribution({ omit: ['cloned.firewall'] }))).toThrow(/cloned\.firewall/)
  })

  it('whose firewall may not allow lets nothing out', async () => {
    const kernel = await open([], { mayAllow: ['cloned.policy'] })
    await approved(kernel, loopback())
    expect(await fetching(kernel, `http://127.0.0.1:${port}/`)).toMatchObject({ code: 'EGRESS_DENIED' })
    expect(hits).toEqual([])
  })

  it('stops a firewall that never started, and twice', async () => {
    const kernel = createKernel(
      defineDistribution({ name: 't', version: '1.0.0', plugins: defaultDistribution().plugins }),
      {
        config: { 'cloned.workspace': { root } },
      },
    )
    await kernel.stop()
    await kernel.stop()
    expect(firewallPlugin.manifest.taps.map(({ id }) => id)).toEqual(['beforeEgress', 'onPolicyWrite'])
  })
})
