// The pipeline docs.link-report with the connector for link checks: its links are asked from the sandbox, under the same run.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runsSlot } from 'cloned/plugins/runs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { draftOf } from '../../connector/manifest.js'
import { httpStatus } from '../../examples/connector-http-status/connector.js'
import { docsLinkReport } from '../../examples/docs-link-report/index.js'
import type { PackageTool } from '../../plugins/package/slot.js'
import { testFirewall } from './connectors-egress-fixture.js'
import { type ConnectorsWorld, canConfine, connectorsWorld, NO_SANDBOX } from './connectors-fixture.js'
import { certificate, tlsServer } from './egress-proxy-fixture.js'
import { type FakeDns, fakeDns, LOOPBACK, type LoopbackServer } from './firewall-fixture.js'

const [OWN, OTHER] = ['docs.test', 'other.test']
const CHECK = 'connector.acme.http-status.check@v1'

describe.skipIf(!canConfine)(`a report of links (skipped only where ${NO_SANDBOX})`, () => {
  let world: ConnectorsWorld
  let server: LoopbackServer
  let dns: FakeDns

  beforeAll(async () => {
    const cert = certificate(OWN, OTHER)
    dns = await fakeDns({ [OWN]: [['127.0.0.1']], [OTHER]: [['127.0.0.1']] })
    server = await tlsServer(cert, (request, response) => {
      const path = String(request.url)
      const noHead = path === '/old' && request.method === 'HEAD'
      response.writeHead(noHead ? 405 : path === '/gone' ? 404 : 200).end()
    })
    const allow = [OWN, OTHER].map((host) => ({
      host,
      addresses: LOOPBACK,
      ports: [server.port],
      methods: ['GET', 'HEAD'],
    }))
    world = await connectorsWorld({
      plugins: [testFirewall({ names: dns.address, ca: cert.cert, allow }), docsLinkReport],
    })
    const urls = [
      `${OWN}:${server.port}/`,
      `${OWN}:${server.port}/gone`,
      `${OWN}:${server.port}/old`,
      `${OTHER}:${server.port}/gone`,
    ]
    mkdirSync(join(world.root, 'docs'))
    writeFileSync(join(world.root, 'docs', 'links.md'), urls.map((url) => `- <https://${url}>\n`).join(''))
  })
  beforeEach(() => {
    server.requests.length = 0
  })
  afterAll(async () => {
    await world.close()
    await Promise.all([server.close(), dns.close()])
  })

  async function report() {
    const runs = world.kernel.service(runsSlot)
    const { id } = await runs.start({ pipeline: 'docs.link-report', inputs: { directory: 'docs' } })
    const run = await runs.settled(id)
    expect(run).toMatchObject({ state: 'done' })
    const { path } = run.output as { path: string }
    const text = readFileSync(join(world.root, path), 'utf8')
    return { actor: `run:${id}`, text, broken: text.split('\n').filter((line) => line.includes('status 404')).length }
  }

  const checks = (actor: string) => {
    const lines = readFileSync(join(world.root, '.cloned', 'audit.log'), 'utf8')
      .trimEnd()
      .split('\n')
    const records = lines.map((line) => JSON.parse(line) as { type: string; target?: string; actor?: { id: string } })
    return records.filter((record) => record.target === CHECK && record.actor?.id === actor).map(({ type }) => type)
  }

  // The firewall under test brings no tool of its own: what the connector does not ask is unchecked.
  it('does not ask for a connector that is not there', async () => {
    const { actor, broken } = await report()
    expect(broken).toBe(0)
    expect(checks(actor)).toEqual([])
  })

  it('has the links to the hosts of the connector checked by it, in one call of the run', async () => {
    const hosts = [`${OWN}:${server.port}`]
    const compiled = new URL('../../dist/examples/connector-http-status/connector.js', import.meta.url)
    world.enable({
      id: 'acme.http-status',
      files: {
        'package.json': '{"type":"module"}',
        'connector.js': readFileSync(compiled, 'utf8'),
        'main.mjs': `import { serve } from 'cloned/connector'
import { httpStatus } from './connector.js'
serve(httpStatus(${JSON.stringify(hosts)}))`,
      },
      tools: draftOf(httpStatus(hosts)).tools as unknown as readonly PackageTool[],
    })
    const { actor, broken, text } = await report()
    expect([broken, text]).toEqual([1, expect.not.stringContaining('/old')])
    expect(checks(actor)).toEqual(['tool.intent', 'tool.outcome'])
    expect(server.requests.map((line) => line.replace(` ${OWN}:${server.port} `, ' ')).sort()).toEqual([
      'GET /old',
      'HEAD /',
      'HEAD /gone',
      'HEAD /old',
    ])
  })

  it('is made without the connector again once that is disabled', async () => {
    world.disable('acme.http-status')
    const { actor, broken } = await report()
    expect([broken, checks(actor)]).toEqual([0, []])
  })
})
