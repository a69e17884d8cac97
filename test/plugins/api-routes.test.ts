import { approvalsSlot } from 'cloned/kernel'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { toolId } from '../fixtures/runs-tools.js'
import { judge, type OpenApi, operations, wrongs } from './api-document.js'
import { type Answer, type ApiWorld, apiWorld, PIPELINE } from './api-fixture.js'
import { SUCCESSES, saved, WAIT } from './api-successes.js'
import { type ApiVendor, apiVendor, CONNECTOR, installed, PACK, packInstalled, trusted } from './api-vendor.js'

let world: ApiWorld
let document: OpenApi
let acme: ApiVendor

beforeAll(async () => {
  acme = await apiVendor()
  world = await apiWorld({ config: acme.config })
  document = (await world.api.document()) as unknown as OpenApi
})
afterAll(async () => {
  await world.close()
  acme.vendor.close()
})

async function installPack(path: string): Promise<Answer> {
  await trusted(world, acme)
  return world.post(path, { archive: acme.pack.archive.toString('base64') })
}

async function enableConnectorAsPack(): Promise<Answer> {
  await installed(world, acme, 'disabled')
  return world.post(`/v1/skills/${CONNECTOR}/enable`)
}

/** A run that has ended. */
const ended = async () => (await world.post('/v1/runs', { pipeline: PIPELINE }, WAIT)).body.id

describe('what a route answers is what its description says', () => {
  it('every operation of the document is brought to a success here', () => {
    expect(Object.keys(SUCCESSES).sort()).toEqual(
      operations(document)
        .map(({ operation }) => operation.operationId)
        .sort(),
    )
  })

  it.each(Object.entries(SUCCESSES))('%s', async (id, succeed) => {
    const found = operations(document).find(({ operation }) => operation.operationId === id)
    if (!found) throw new Error(`${id} is not in the document`)
    const answer = await succeed(world, acme)
    expect(answer.status, answer.text).toBeLessThan(300)
    expect(wrongs(document, found, answer)).toEqual([])
  })

  it.each([
    ['a call that asks', 202, 'callTool', () => world.post(`/v1/tools/${toolId('risky')}/call`, { input: {} })],
    ['a call that is denied', 403, 'callTool', () => world.post(`/v1/tools/${toolId('refused')}/call`, { input: {} })],
    ['a call of no tool', 404, 'getTool', () => world.get('/v1/tools/no.such.tool@v1')],
    ['a dry run', 200, 'callTool', () => world.post(`/v1/tools/${toolId('echo')}/call`, { input: {}, dry_run: true })],
    ['a dry run of a pipeline', 200, 'startRun', () => world.post('/v1/runs', { pipeline: PIPELINE, dry_run: true })],
    ['a body without what it needs', 400, 'callTool', () => world.post(`/v1/tools/${toolId('echo')}/call`, {})],
    ['a run of no pipeline', 404, 'startRun', () => world.post('/v1/runs', { pipeline: 'no.such' })],
    ['a proposal', 202, 'proposeEgress', () => world.post('/v1/firewall/allowlist', { hosts: ['new.example.com'] })],
    [
      'a proposal of nonsense',
      400,
      'proposeEgress',
      () => world.post('/v1/firewall/allowlist', { hosts: ['http://x'] }),
    ],
    ['an unknown approval', 404, 'getApproval', () => world.get('/v1/approvals/ap_none')],
    ['an unknown grant', 404, 'revokeGrant', () => world.post('/v1/approvals/grants/gr_none/revoke')],
    ['an unknown run', 404, 'getRun', () => world.get('/v1/runs/run_none')],
    ['a skill pack where a connector is asked for', 403, 'installConnector', () => installPack('/v1/connectors')],
    ['a connector where a skill pack is asked for', 404, 'enableSkillPack', () => enableConnectorAsPack()],
    ['a pause of a run that has ended', 409, 'pauseRun', async () => world.post(`/v1/runs/${await ended()}/pause`)],
    ['a rerun from no step', 404, 'rerunRun', async () => world.post(`/v1/runs/${await ended()}/rerun`, { from: 'x' })],
    ['a directory as an artifact', 404, 'verifyArtifact', () => world.post('/v1/artifacts/%2Fetc/verify')],
    ['an unknown artifact', 404, 'getArtifact', () => world.get('/v1/artifacts/art_none')],
    ['a range', 206, 'downloadArtifact', async () => world.get(`/v1/artifacts/${await saved(world)}/content`, RANGE)],
  ] as const)('%s is %i', async (_, status, id, act) => {
    const found = operations(document).find(({ operation }) => operation.operationId === id)
    const answer = await act()
    expect(answer.status, answer.text).toBe(status)
    expect(found && wrongs(document, found, answer)).toEqual([])
  })
  const RANGE = { headers: { range: 'bytes=0-0' } }

  it('examples in the document fit its schemas, and every JSON body and answer has one', () => {
    const problems = operations(document).flatMap(({ operation }) => {
      const contents = [
        operation.requestBody?.content,
        ...Object.values(operation.responses).map(({ content }) => content),
      ]
      return contents.flatMap((content) =>
        Object.entries(content ?? {}).flatMap(([type, { schema, example }]) => {
          if (example === undefined) return [`${operation.operationId}: ${type} has no example`]
          return judge(document)(schema, example).map((wrong) => `${operation.operationId}: ${type} ${wrong}`)
        }),
      )
    })
    expect(problems).toEqual([])
  })
})

describe('shared manners of the routes', () => {
  it('a list is walked to its end by cursor, and nothing is shown twice', async () => {
    const whole = (await world.get('/v1/tools?limit=500')).body.tools
    const seen: unknown[] = []
    let path = '/v1/tools?limit=2'
    for (;;) {
      const { tools, next } = (await world.get(path)).body
      seen.push(...tools)
      if (next === undefined) break
      path = `/v1/tools?limit=2&cursor=${next}`
    }
    expect(seen).toEqual(whole)
    expect(whole.length).toBeGreaterThan(4)
    expect((await world.get('/v1/tools?cursor=bm90aGluZw')).status).toBe(400)
  })

  it('a read that has not changed is answered with 304 and no body', async () => {
    const { headers } = await world.get('/v1/tools')
    const etag = String(headers.etag)
    const again = await world.get('/v1/tools', { headers: { 'if-none-match': etag } })
    expect([again.status, again.text, again.headers.etag]).toEqual([304, '', etag])
    expect((await world.get('/v1/tools?limit=1', { headers: { 'if-none-match': etag } })).status).toBe(200)
    const id = await saved(world)
    const content = await world.get(`/v1/artifacts/${id}/content`)
    expect(content.headers.etag).toMatch(/^"[0-9a-f]{64}"$/)
    const held = await world.get(`/v1/artifacts/${id}/content`, {
      headers: { 'if-none-match': String(content.headers.etag) },
    })
    expect([held.status, held.text]).toEqual([304, ''])
  })

  it('Prefer: wait holds a pending call until it is decided, and answers what came of it', async () => {
    const asked = world.post(
      `/v1/tools/${toolId('risky')}/call`,
      { input: { n: 1 } },
      { headers: { prefer: 'wait=30' } },
    )
    const approvals = world.kernel.service(approvalsSlot)
    const id = await vi.waitFor(async () => {
      const pending = await approvals.list({ state: 'pending' })
      const found = pending.find(({ action }) => JSON.stringify(action.input) === '{"n":1}')
      if (!found) throw new Error('nothing asks yet')
      return found.id
    })
    await approvals.decide(id, { verdict: 'approve', by: { id: 'user:me', claimed: false, osUser: 'me' } })
    const answer = await asked
    expect([answer.status, answer.body.status, answer.body.output]).toEqual([200, 'done', { n: 1 }])
  })

  type Status = 'enabled' | 'disabled'
  it.each([
    ['a connector', CONNECTOR, (status: Status) => installed(world, acme, status)],
    ['a skill pack', PACK, (status: Status) => packInstalled(world, acme, status)],
  ] as const)('%s that is switched on and off is told as events', async (_, id, bring) => {
    await bring('enabled')
    await bring('disabled')
    const { events } = (await world.get('/v1/events?type=registry.&limit=500')).body
    const told = events.flatMap(({ type, data }: { type: string; data: { connector?: string } }) =>
      data.connector === id ? [type] : [],
    )
    expect(told).toEqual(expect.arrayContaining(['registry.install', 'registry.enable', 'registry.disable']))
  })

  it('a body may be left out where nothing is needed', async () => {
    expect((await world.ask('POST', '/v1/audit/verify')).status).toBe(200)
    expect((await world.ask('POST', '/v1/audit/verify', { raw: '' })).status).toBe(200)
  })

  it('metrics count actions and requests by names that no client chose', async () => {
    await world.post(`/v1/tools/${toolId('echo')}/call`, { input: {} })
    await world.get('/v1/tools/a-name-of-the-client')
    const { text, headers } = await world.get('/v1/metrics')
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(text).toMatch(/^cloned_actions_total\{kind="tool.call",status="done"\} \d+$/m)
    expect(text).toMatch(/^cloned_http_requests_total\{operation="getTool",status="404"\} \d+$/m)
    expect(text).not.toContain('a-name-of-the-client')
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [\d.e+-]+)$/)
    }
  })

  it('the reference page is for reading: no script, and a policy that allows none', async () => {
    const page = await world.get('/v1/openapi.json', { token: null, headers: { accept: 'text/html,*/*' } })
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(page.headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'/,
    )
    expect(page.text).not.toMatch(/<script|\son\w+=|javascript:|src=|http-equiv/i)
    for (const { operation } of operations(document)) expect(page.text).toContain(`id="${operation.operationId}"`)
  })
})
