import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import createClient from 'openapi-fetch'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
// Made of docs/api/openapi.yaml by openapi-typescript, and of nothing else; a test holds the two together.
import type { paths } from '../../client/schema.js'
import { docsLinkReport } from '../../examples/docs-link-report/index.js'
import { type OpenApi, operations, wrongs } from './api-document.js'
import { type ApiWorld, apiWorld } from './api-fixture.js'
import { type ApiVendor, apiVendor, CONNECTOR } from './api-vendor.js'
import { invite } from './pairing-fixture.js'

const FILE = new URL('../../docs/api/openapi.yaml', import.meta.url)
const SCOPES =
  'tools:read,trust:read,trust:write,connectors:read,connectors:write,firewall:read,firewall:propose,approvals:read,runs:write,runs:read,artifacts:read,audit:read,audit:write,policy:read'

let world: ApiWorld
let acme: ApiVendor
beforeAll(async () => {
  acme = await apiVendor()
  world = await apiWorld({ plugins: [docsLinkReport], config: acme.config })
  mkdirSync(join(world.root, 'docs'))
  writeFileSync(join(world.root, 'docs/index.md'), '# Hello\n\n[here](index.md) [there](https://docs.example.com/)\n')
})
afterAll(async () => {
  await world.close()
  acme.vendor.close()
})

/** A client of the file alone, that signs each request as `authorize` says. Every answer is held to the file. */
function generated(authorize: (request: Request) => Promise<void> | void) {
  const document = parse(readFileSync(FILE, 'utf8')) as OpenApi
  const [server] = document.servers
  const all = operations(document).map((found) => ({
    found,
    // What is written out counts before what stands in braces.
    rank: found.path.split('{').length,
    route: new RegExp(`^${server?.url}${found.path.replace(/\{\w+\}/g, '[^/]+')}$`),
  }))
  const send = async (request: Request) => {
    await authorize(request)
    const response = await fetch(request)
    const { pathname } = new URL(request.url)
    const [match] = all
      .filter(({ found, route }) => found.method === request.method && route.test(pathname))
      .sort((a, b) => a.rank - b.rank)
    if (!match) throw new Error(`the file has no ${request.method} ${pathname}`)
    const text = await response.clone().text()
    const headers = Object.fromEntries(response.headers)
    const body = /json/.test(headers['content-type'] ?? '') && text !== '' ? JSON.parse(text) : text
    const said = wrongs(document, match.found, { status: response.status, headers, text, body })
    expect([match.found.operation.operationId, said]).toEqual([match.found.operation.operationId, []])
    return response
  }
  return createClient<paths>({ baseUrl: `${world.address}${server?.url}`, fetch: send })
}

/** The key of a second machine, and proofs by it as RFC 9449 has them. */
async function keyOfDevice() {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' })
  const jwk = await exportJWK(publicKey)
  return (scheme: string, credentials: string) => async (request: Request) => {
    const { origin, pathname } = new URL(request.url)
    const ath = createHash('sha256').update(credentials).digest('base64url')
    const proof = new SignJWT({ jti: randomUUID(), htm: request.method, htu: `${origin}${pathname}`, ath })
    const header = { typ: 'dpop+jwt', alg: 'EdDSA', jwk }
    request.headers.set('dpop', await proof.setProtectedHeader(header).setIssuedAt().sign(privateKey))
    request.headers.set('authorization', `${scheme} ${credentials}`)
  }
}

/** What came, when it is no problem. */
function sure<T>({ data, error }: { data?: T; error?: unknown }): T {
  if (data === undefined) throw new Error(JSON.stringify(error))
  return data
}

describe('the user of another machine, with docs/api/openapi.yaml and nothing else of ours', () => {
  it('pairs, installs a connector, proposes egress, approves, runs, reads the artifact, verifies the audit', async () => {
    const as = await keyOfDevice()
    const guest = generated(as('Pairing', await invite(world, SCOPES)))
    const device = sure(await guest.POST('/pairings', { body: { name: 'Laptop of Ada' } })) as {
      id: string
      code: string
    }
    const owner = generated((request) => request.headers.set('authorization', `Bearer ${world.token}`))
    const approve = async (asked: { approval_id?: string }) => {
      const path = { id: asked.approval_id ?? 'none' }
      const body = { verdict: 'approve', reason: 'as discussed' } as const
      const { outcome } = sure(await owner.POST('/approvals/{id}/decide', { params: { path }, body }))
      expect(outcome).toMatchObject({ status: 'done' })
    }
    const pairing = { params: { path: { id: device.id } }, body: { code: device.code } }
    await approve(sure(await owner.POST('/pairings/{id}/approve', pairing)))

    const keyed = generated(as('Device', device.id))
    const { access_token: token } = sure(await keyed.POST('/token', { body: {} })) as { access_token: string }
    const client = generated(as('DPoP', token))

    await approve(sure(await client.POST('/trust/publishers', { body: { document: acme.document } })))
    const archive = acme.made[0]?.archive.toString('base64') ?? ''
    await approve(sure(await client.POST('/connectors', { body: { archive } })))
    const connector = { params: { path: { id: CONNECTOR } }, body: {} }
    const enabled = sure(await client.POST('/connectors/{id}/enable', connector))
    if (enabled.status === 'pending') await approve(enabled)
    const { connectors } = sure(await client.GET('/connectors'))
    expect(connectors).toMatchObject([{ id: CONNECTOR, status: 'enabled', installed_by: `device:${device.id}` }])
    const { tools } = sure(await client.GET('/tools', { params: { query: { limit: 500 } } }))
    expect(tools.map(({ id }) => id)).toContain(`connector.${CONNECTOR}.today@v1`)

    const tool = 'cloned.internal.http.fetch@v1'
    const proposal = { hosts: ['docs.example.com'], tool, methods: ['GET', 'HEAD'] }
    await approve(sure(await client.POST('/firewall/allowlist', { body: proposal })))
    const { rules } = sure(await client.GET('/firewall/allowlist'))
    expect(rules).toMatchObject([{ scope: `tool ${tool}`, host: 'docs.example.com' }])
    const question = { url: 'https://docs.example.com/', tool }
    expect(sure(await client.POST('/firewall/explain', { body: question }))).toMatchObject({ allowed: true })

    const run = sure(
      await client.POST('/runs', {
        body: { pipeline: 'docs.link-report', inputs: { directory: 'docs' } },
        headers: { prefer: 'wait=30', 'idempotency-key': 'the-run' },
      }),
    )
    expect(run).toMatchObject({ state: 'done' })
    const { artifacts } = sure(await client.GET('/artifacts'))
    const path = { id: artifacts[0]?.id ?? 'none' }
    expect(sure(await client.GET('/artifacts/{id}', { params: { path } })).intact).toBe(true)
    const report = await client.GET('/artifacts/{id}/content', { params: { path }, parseAs: 'text' })
    expect(sure(report)).toContain('docs.example.com')

    const { note } = sure(await client.POST('/audit/checkpoint', { body: {} }))
    expect(sure(await client.POST('/audit/verify', { body: { since: note } }))).toMatchObject({ ok: true })
    const query = { actor: `device:${device.id}`, limit: 100 }
    const { records } = sure(await client.GET('/audit', { params: { query } }))
    expect(records.length).toBeGreaterThan(5)

    expect((await client.GET('/workspace')).error).toMatchObject({ code: 'API_SCOPE' })
    const gone = sure(await owner.POST('/pairings/{id}/revoke', { params: { path: { id: device.id } }, body: {} }))
    if (gone.status === 'pending') await approve(gone)
    expect((await client.GET('/tools')).error).toMatchObject({ code: 'API_UNAUTHENTICATED' })
  })
})
